package wal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// hintedRecord is one that marshals in place and whose size hint is anything.
type hintedRecord struct {
	data []byte
	size int
	room int // what it allocates of its own, when not 0
}

func (a *hintedRecord) Marshal() ([]byte, error) { return a.data, nil }
func (a *hintedRecord) Unmarshal([]byte) error   { return errors.ErrUnsupported }
func (a *hintedRecord) Size() int                { return a.size }
func (a *hintedRecord) AppendBinary(b []byte) ([]byte, error) {
	if a.room > 0 {
		b = append(make([]byte, 0, a.room+len(a.data)), b...)
	}
	return append(b, a.data...), nil
}

// The head is put before data whose place was guessed: with a checksum of 1 to 5
// bytes, and a size that is right, too small, too large or nonsense.
func TestEncoder_WrongGuessesOfTheHeadCostNothing(t *testing.T) {
	seen := map[int]bool{}
	for _, trailered := range []bool{true, false} {
		for _, crc := range []uint32{0, 1, 1 << 7, 1 << 14, 1 << 21, 1<<28 - 1, 1 << 28, 1<<32 - 1} {
			for _, n := range []int{0, 1, 127, 128, 129, 16383, 16384} {
				data := dataWithSum(crc, n)
				want := chained(oracle.Frame{Type: 2, Data: data, Trailered: trailered}, 9)
				if trailered {
					want.Flags = frame.FlagSynced | frame.FlagCommit
				}
				if n >= 4 {
					require.Equal(t, crc, want.CRC)
				}
				for _, a := range []hintedRecord{
					{size: len(data)}, {size: 0}, {size: -5}, {size: len(data) + 1}, {size: 1 << 20}, {size: 3},
					{size: 200}, {size: len(data), room: 1}, {room: 1000},
				} {
					a.data = data
					var e encoder
					e.start(frame.Position{Seq: 1, Off: 64}, 9, trailered, true)
					require.NoError(t, e.appendRecord(codec.NewSavedTypes(log.NewRegistry()).Of(log.EntryType, &a),
						&a, frame.FlagCommit))
					require.True(t, bytes.Equal(want.Build(1, 64), e.buf),
						"crc %08x, %d bytes, hint %d, own room %d", want.CRC, n, a.size, a.room)
					require.True(t, bytes.Equal(data, e.data))
					// One more behind it, in the same batch.
					end := int(e.end())
					e.appendBytes(log.StateType, []byte("next"), 0)
					next := chained(oracle.Frame{Type: 3, Data: []byte("next"), Trailered: trailered}, want.CRC)
					require.True(t, bytes.Equal(next.Build(1, end), e.buf[end-64:]))
				}
				seen[walpb.RecordHeaderSize(2, want.CRC, -1)] = true
			}
		}
	}
	require.Len(t, seen, 5, "every length of a checksum was met")
}
