package wal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
)

// A client that knows where its payload will stand can put a record into it that has a right check
// there and says SYNCED. It does not keep a torn save from being healed, whatever is lost of the
// save, but for its beginning alone.
func TestEvidence_AMadeUpRecordInAPayloadDoesNotKeepATornSaveFromHealing(t *testing.T) {
	filler := map[string]func(b []byte){
		"zeros around": func(b []byte) { clear(b) },
		"noise around": func(b []byte) { copy(b, payload(21, len(b))) },
	}
	for name, fill := range filler {
		for _, first := range [][]log.LogEntry{nil, {entry(1, 6, "of the same save")}} {
			t.Run(fmt.Sprintf("%s, %d entries before", name, len(first)), func(t *testing.T) {
				data := make([]byte, 2500)
				fill(data)
				mark := []byte("here it will stand")
				copy(data[900:], mark)
				save := func() tornCase {
					return tornCase{"made up", nil,
						saveOf(nil, append(first, entry(1, 6+uint64(len(first)), string(data)))...)}
				}
				tl := newTornLog(t, save())
				at := bytes.Index(tl.after[tl.file], mark)
				seq := mustParse(t, tl.file).seq
				off := (at + 7) &^ 7
				madeUp := oracle.Frame{Type: 2, Data: []byte("made up"), Trailered: true, Flags: 3}.Written(seq,
					off)
				fill(data)
				copy(data[900+off-at:], madeUp)
				tl = newTornLog(t, save())
				_, ok := oracle.ReadFrame(tl.after[tl.file], seq, off)
				require.True(t, ok, "it is no record at its place")

				rnd := rand.New(rand.NewPCG(1, 2))
				healed, refused := 0, 0
				images(tl.media, 32, rnd, func(im image) {
					if oracle.IsZero(im[tl.file][tl.off : tl.off+frame.WordSize]) {
						if _, _, err := tl.open(im.clone()); err != nil {
							require.ErrorIs(t, err, ErrCorrupt)
							refused++
						}
						return
					}
					tl.check(t, im, "an image", tl.without, tl.with)
					healed++
				})
				require.Positive(t, healed)
				require.Positive(t, refused, "if this heals now, say so in FORMAT.md")
				tl.shortWrites(t, rnd)
			})
		}
	}
}

func mustParse(t *testing.T, name string) segmentName {
	n, ok := parseSegmentName(name)
	require.True(t, ok)
	return n
}
