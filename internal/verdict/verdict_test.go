package verdict

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// evidence is a combination of answers, and counts the questions.
type evidence struct {
	used, valid, synced, noWord, pastEnd, sectorLost, endLost bool

	flip  Flip
	asked map[string]int
}

func (e *evidence) ask(what string) { e.asked[what]++ }

func (e *evidence) Used() bool          { e.ask("used"); return e.used }
func (e *evidence) Valid() bool         { e.ask("valid"); return e.valid }
func (e *evidence) SyncedFollows() bool { e.ask("synced"); return e.synced }
func (e *evidence) Flip() Flip          { e.ask("flip"); return e.flip }
func (e *evidence) NoWord() bool        { e.ask("noWord"); return e.noWord }
func (e *evidence) PastEnd() bool       { e.ask("pastEnd"); return e.pastEnd }
func (e *evidence) SectorLost() bool    { e.ask("sectorLost"); return e.sectorLost }
func (e *evidence) EndLost() bool       { e.ask("endLost"); return e.endLost }

// row is one row of the table of docs/FORMAT.md 7.1, written as a condition on all answers.
type row struct {
	name    string
	applies func(e *evidence) bool
	verdict Verdict
	asked   int // how many questions lead to it
}

// table has the rows in the page's order, with what the page says beside them.
var table = []row{
	{"1", func(e *evidence) bool { return e.used && !e.valid && e.synced }, Corrupt, 3},
	{"2", func(e *evidence) bool { return !e.used }, CleanEnd, 1},
	{"", func(e *evidence) bool { return e.valid }, Changed, 2},
	{"3", func(e *evidence) bool { return e.flip == FlipInLostSector }, Corrected, 4},
	{"3'", func(e *evidence) bool { return e.flip == FlipElsewhere }, Corrupt, 4},
	{"4", func(e *evidence) bool { return e.noWord }, Torn, 5},
	{"5", func(e *evidence) bool { return e.pastEnd }, Torn, 6},
	{"6", func(e *evidence) bool { return e.sectorLost }, Torn, 7},
	{"7", func(e *evidence) bool { return e.endLost }, Torn, 8},
	{"8", func(e *evidence) bool { return true }, Corrupt, 8},
}

// every yields every combination of answers.
func every(yield func(evidence) bool) {
	for bits := range 1 << 7 {
		is := func(i int) bool { return bits>>i&1 != 0 }
		for _, f := range []Flip{NoFlip, FlipInLostSector, FlipElsewhere} {
			e := evidence{
				used: is(0), valid: is(1), synced: is(2), noWord: is(3), pastEnd: is(4),
				sectorLost: is(5), endLost: is(6), flip: f, asked: map[string]int{},
			}
			if !yield(e) {
				return
			}
		}
	}
}

func TestJudgeFollowsTheTableForEveryCombinationOfAnswers(t *testing.T) {
	reached := map[string]int{}
	n := 0
	for e := range every {
		want := table[len(table)-1]
		for _, r := range table {
			if r.applies(&e) {
				want = r
				break
			}
		}
		got := Judge(&e)
		what := fmt.Sprintf("%+v", e)
		require.Equal(t, want.name, got.Row, what)
		require.Equal(t, want.verdict, got.Verdict, what)
		require.Len(t, e.asked, want.asked, "no question behind the row that applies: %s", what)
		for q, times := range e.asked {
			require.Equal(t, 1, times, "%s: %s", q, what)
		}
		reached[got.Row]++
		n++
	}
	require.Equal(t, 384, n)
	require.Len(t, reached, len(table), "every row is reached: %v", reached)
}

func TestJudgeGivesAReasonWhereTheParserHasNone(t *testing.T) {
	for e := range every {
		got := Judge(&e)
		silent := got.Verdict == CleanEnd || got.Verdict == Changed || got.Row == "8"
		require.Equal(t, silent, got.Reason == "", "%+v", got)
	}
}
