package wal

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// The bug: a zero length word meant the end of the log, also in its middle, so
// a lost or overwritten word hid every record behind it.
func TestKnownBug_ZeroedLengthWordEndsTheLog(t *testing.T) {
	w, dir := newLog(t)
	for i := uint64(1); i <= 8; i++ {
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: i}, entries(i, i)))
	}
	fillSegments(t, w, 1)
	require.NoError(t, w.Close())
	hit := 0
	for _, path := range segmentsOf(t, dir) {
		for _, f := range framesOf(t, path) {
			if f.Type == log.CrcType && f.off > 0 {
				continue // the padding before CLOSED, and itself, hold nothing of the user's
			}
			patch(t, path, f.off, make([]byte, frame.WordSize), func() {
				requireCorrupt(t, dir, fmt.Sprintf("%s at %d", filepath.Base(path), f.off))
			})
			hit++
		}
	}
	require.Greater(t, hit, 20)
	require.Equal(t, entries(1, w.last), readAll(t, dir, nil))
}

// The bug: no checksum covered the type of a record, so one flipped bit made
// an entry a state, a snapshot, or nothing.
func TestKnownBug_FlippedTypeBitMakesAnotherRecord(t *testing.T) {
	for _, closed := range []bool{true, false} {
		t.Run(fmt.Sprintf("closed %v", closed), func(t *testing.T) {
			w, dir := newLog(t)
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 1}, entries(1, 4)))
			require.NoError(t, w.SaveSnap(at(2)))
			if closed {
				require.NoError(t, w.Close())
			} else {
				crash(w)
			}
			path := segmentsOf(t, dir)[0]
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, f := range framesOf(t, path) {
				if f.Type == log.CrcType && f.off > 0 {
					continue
				}
				pos := f.off + frame.WordSize + 1 // behind the length word and the field's tag
				require.Equal(t, byte(f.Type), data[pos])
				for bit := range 8 {
					patch(t, path, pos, []byte{data[pos] ^ 1<<bit}, func() {
						requireCorrupt(t, dir, fmt.Sprintf("%s record at %d, bit %d", f.Type, f.off, bit))
					})
				}
			}
		})
	}
}

// The bug: a length in a damaged file was believed, and the memory for it taken.
func TestKnownBug_HugeLengthMakesAHugeAllocation(t *testing.T) {
	for _, etcdFormat := range []bool{false, true} {
		var opts []Option
		if etcdFormat {
			opts = append(opts, WithEtcdFormat())
		}
		w, dir := newLog(t, opts...)
		require.NoError(t, w.SaveEntry(entries(1, 2)))
		require.NoError(t, w.SaveEntry(entries(3, 4)))
		require.NoError(t, w.Close())
		path := segmentsOf(t, dir)[0]
		for _, f := range framesOf(t, path) {
			for _, word := range []uint64{1 << 55, 1<<56 - 8, 1<<63 | 7<<56 | (1<<55 + 1), ^uint64(0),
				1 << 31, 1 << 33} {
				b := binary.LittleEndian.AppendUint64(nil, word)
				patch(t, path, f.off, b, func() {
					what := fmt.Sprintf("etcd format %v, length word %#x at %d", etcdFormat, word, f.off)
					if !etcdFormat && f.Type == log.EntryType {
						requireCorrupt(t, dir, what)
					}
					used := allocated(func() {
						_, err := Verify(nil, dir)
						_ = err // a plain log cannot tell this from a torn tail
						if r, err := OpenForRead(nil, dir, nil); err == nil {
							r.Close()
						}
					})
					require.Less(t, used, uint64(4<<20), what)
				})
			}
		}
	}
}

// The bug: each repair renamed what it cut to the same name, so the second one
// destroyed what the first had kept.
func TestKnownBug_SecondRepairOverwritesTheFirstBroken(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	require.NoError(t, w.Close())
	path := segmentsOf(t, dir)[0]
	name := filepath.Base(path) + ".broken"
	kept := map[string]string{}
	for _, broken := range []string{name, name + ".1", name + ".2"} {
		frames := framesOf(t, path)
		last := frames[len(frames)-1]
		garbage := "torn save, later " + broken
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		// the length word is missing
		_, err = f.WriteAt([]byte(garbage), last.off+last.Size+frame.WordSize)
		require.NoError(t, err)
		require.NoError(t, f.Close())

		report, err := Repair(nil, dir)
		require.NoError(t, err)
		require.Equal(t, []string{broken}, report.Broken)
		require.NotNil(t, report.Torn)
		kept[broken] = string(make([]byte, frame.WordSize)) + garbage
		now := files(t, dir)
		for name, data := range kept {
			require.Equal(t, data, now[name], name)
		}
	}
	require.Equal(t, entries(1, 3), readAll(t, dir, nil))
}
