package peers_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3"

	"github.com/seed449c39bc/wal/etcdraft/storagetest"
)

// peer is a column of the page.
type peer struct {
	name string
	open storagetest.Open

	// fails has the checks that the peer fails, and the number of the reason.
	fails map[string]int
}

// reasons say why a peer fails checks. Their numbers count from 1.
var reasons = []string{
	"It panics where the documentation demands `ErrUnavailable`. raft never asks for such entries.",
	"etcd's log has no record that replaces it. Entries above a received snapshot that were saved " +
		"before it, of other terms, are in the log again after a crash.",
	"raft does not demand a sync of a Ready that has a received snapshot and no new term or vote. " +
		"etcd's log then keeps the commit index in memory. After a crash it does not count a snapshot " +
		"above the commit index, so that the node is back at the state before. etcd's server syncs " +
		"here, its example does not.",
	"A torn end of the log makes the open fail. etcd's server repairs the log then, its example " +
		"does not.",
	"The entries and the hard state of a Ready are records of their own. raft allows that.",
	"The log is read from the snapshot on, so the entries before it, which a follower that lags a " +
		"little could have been sent, are gone after an opening. raft allows that.",
}

var peers = []peer{
	{"etcdraft", openOurs, nil},
	{"MemoryStorage", openMemory, map[string]int{
		"Entries/SayWhatIsUnavailable":            1,
		"Entries/SayWhatIsUnavailableAfterACrash": 1,
	}},
	{"etcd's example", openExample, map[string]int{
		"Entries/SayWhatIsUnavailable":              1,
		"Entries/SayWhatIsUnavailableAfterACrash":   1,
		"Term/SaysWhatIsUnavailableAfterACrash":     2,
		"LastIndex/IsThatOfTheLastEntryAfterACrash": 2,
		"Received/InsideTheLogAfterACrash":          2,
		"Received/AtTheFirstEntryAfterACrash":       2,
		"Received/OutlastsACrash":                   3,
		"Received/LeavesNoCommitIndexBelow":         3,
		"Crash/ATornSaveLosesNothingElse":           4,
		"Crash/ATornSaveIsWholeOrGone":              4,
		"Compact/KeepsWhatFollowsAfterACrash":       6,
		"Lives/AreThoseOfAMemoryStorage":            3,
	}},
	{"etcd's server", openServer, map[string]int{
		"Entries/SayWhatIsUnavailable":              1,
		"Entries/SayWhatIsUnavailableAfterACrash":   1,
		"Term/SaysWhatIsUnavailableAfterACrash":     2,
		"LastIndex/IsThatOfTheLastEntryAfterACrash": 2,
		"Received/InsideTheLogAfterACrash":          2,
		"Received/AtTheFirstEntryAfterACrash":       2,
		"Received/OutlastsACrash":                   2,
		"Crash/ATornSaveIsWholeOrGone":              5,
		"Compact/KeepsWhatFollowsAfterACrash":       6,
		"Lives/AreThoseOfAMemoryStorage":            2,
	}},
}

const (
	pagePath = "../../docs/storagetest.md"
	pageHead = `# What raft's storages do

This page is generated: ` + "`cd etcdraft/peers && go test -run TestPage -update .`" + ` writes it.

[etcdraft/storagetest](../etcdraft/storagetest) tests what keeps the state of a node of
go.etcd.io/raft/v3, with a check for each sentence of raft's documentation and for what a program
needs after a crash. Anybody can run it on a store of theirs. Here it ran on
[etcdraft](../etcdraft), on raft's MemoryStorage, and on etcd's log with its snapshots: once put
together as etcd's example has it, once as etcd's server has it. A crash is a copy of the files as a
process leaves them that is killed, or half of what a save has written.

A number stands for a check that fails, and is that of the reason below; a dash for a check that
opens the store again, which MemoryStorage cannot.

`
)

var update = flag.Bool("update", false, "write the page")

func TestMain(m *testing.M) {
	wal.SegmentSizeBytes = 64 << 10 // so that a log has some
	raft.SetLogger(&raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)})
	os.Exit(m.Run())
}

func TestPage(t *testing.T) {
	t.Setenv("WAL_TEST_SEED", "1")
	t.Setenv("WAL_TEST_LIVES", "12")
	var page strings.Builder
	page.WriteString(pageHead + "| check |")
	for _, p := range peers {
		page.WriteString(" " + p.name + " |")
	}
	page.WriteString("\n|---|" + strings.Repeat("---|", len(peers)) + "\n")
	for _, c := range storagetest.Checks() {
		fmt.Fprintf(&page, "| %s |", c.Name)
		for _, p := range peers {
			page.WriteString(" " + p.try(t, c) + " |")
		}
		page.WriteString("\n")
	}
	page.WriteString("\n")
	for i, reason := range reasons {
		page.WriteString(wrap(fmt.Sprintf("%d. ", i+1), reason))
	}
	if *update {
		require.NoError(t, os.WriteFile(pagePath, []byte(page.String()), 0o600))
	}
	kept, err := os.ReadFile(pagePath)
	require.NoError(t, err)
	require.Equal(t, string(kept), page.String(), "-update writes the page")
}

// try returns the peer's cell in the row of a check.
func (p peer) try(t *testing.T, c storagetest.Check) string {
	err := c.Try(t.TempDir(), p.open)
	reason, fails := p.fails[c.Name]
	switch {
	case errors.Is(err, storagetest.ErrSkipped):
		return "–"
	case err == nil:
		require.False(t, fails, "%s passes %s, which it is said to fail", p.name, c.Name)
		return "yes"
	}
	require.True(t, fails, "%s fails %s: %v", p.name, c.Name, err)
	return fmt.Sprint(reason)
}

// wrap returns an item of a list in lines of 100 columns.
func wrap(mark, text string) string {
	var lines strings.Builder
	line := mark
	indent := strings.Repeat(" ", len(mark))
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) > 100 {
			lines.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += word + " "
	}
	return lines.String() + strings.TrimRight(line, " ") + "\n"
}
