package wal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Bit rot: every single flipped bit, every zeroed sector and every zeroed 4-KiB block of
// small logs of all shapes, one at a time. Whoever reads the log must
// then say ErrCorrupt, about the right place, or give exactly what was saved.

// Open tries every second bit of the main shape when it is closed; of the other shapes, and by the
// other readers, one in some is tried, from an offset that a seed picks. fullRot, an environment
// variable, makes them try every bit of all shapes, which takes minutes with the race detector.
const (
	fullRot = "WAL_TEST_FULL_BITROT"
	rotStep = 11 // for the readers besides Open
	rotThin = 41 // for the shapes besides the main one

	rotClosed   = 2  // for the main one when it is closed
	rotUnclosed = 11 // for the main one when it is not closed or not trailered
	rotFiles    = 37 // in files on the real disk
)

// content is all that a log gives back, in words.
func content(v *view) (string, error) {
	metadata, st, ents, err := v.ReadAll()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "metadata %q state %+v snapshot %+v entries %d to %d:", metadata, st, v.Snapshot(),
		v.FirstIndex(), v.LastIndex())
	for _, e := range ents {
		e := e.(*walpb.Entry)
		fmt.Fprintf(&b, " %d.%d %x", e.Term, e.Index, e.Data)
	}
	return b.String(), nil
}

// openedContent opens the image for appending and returns what the log then holds.
func openedContent(im image, opts ...Option) (string, error) {
	w, err := Open(nil, memDir, nil, append([]Option{withFS(newMemFS(im)), WithSegmentSize(512),
		WithPreallocation(PreallocateNone)}, opts...)...)
	if err != nil {
		return "", err
	}
	return content(&w.view)
}

// readContent is openedContent without a lock or a change.
func readContent(im image) (string, error) {
	r, err := OpenForRead(nil, memDir, nil, withFS(newMemFS(im)))
	if err != nil {
		return "", err
	}
	return content(&r.view)
}

// verified returns the number of intact records, and the last index, in place of the content.
func verified(im image) (string, error) {
	r, err := Verify(nil, memDir, withFS(newMemFS(im)))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d records, entries %d to %d", r.Records, r.FirstIndex, r.LastIndex), nil
}

// rotReader is one way to read a log.
type rotReader struct {
	name string
	step int // tries one bit in so many, by default
	read func(image) (string, error)
}

var rotReaders = []rotReader{
	{"Open", 1, func(im image) (string, error) { return openedContent(im.clone()) }},
	{"OpenForRead", rotStep, readContent},
	{"Verify", rotStep, verified},
}

// rotShape is a log to be damaged. step thins out the bits further, for the
// shapes besides the main one.
type rotShape struct {
	name string
	step int
	opts []Option
	life func(t *testing.T, w *WAL, again func() *WAL)
}

// saveAll saves with one call each, so that each is a batch of its own.
func saveAll(t *testing.T, w *WAL, first, last uint64, data func(i uint64) []byte) {
	for i := first; i <= last; i++ {
		ent := &walpb.Entry{Term: 1, Index: i, Data: data(i)}
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: i - 1}, []log.LogEntry{ent}))
	}
}

func words(i uint64) []byte { return fmt.Appendf(nil, "entry %d", i) }

var rotShapes = []rotShape{
	{"several segments", 1, nil, func(t *testing.T, w *WAL, _ func() *WAL) {
		saveAll(t, w, 1, 7, words)
		saveAll(t, w, 8, 8, func(uint64) []byte { return bytes.Repeat([]byte("long"), 700) })
	}},
	{"payloads of zeros", rotThin, nil, func(t *testing.T, w *WAL, _ func() *WAL) {
		saveAll(t, w, 1, 3, func(uint64) []byte { return make([]byte, 700) })
	}},
	{"payloads with a bit a sector", rotThin, nil, func(t *testing.T, w *WAL, _ func() *WAL) {
		saveAll(t, w, 1, 2, func(i uint64) []byte {
			b := make([]byte, 1500)
			b[600], b[1100] = 1, 64
			return b
		})
	}},
	{"a tail of one record", rotThin, nil, func(t *testing.T, w *WAL, _ func() *WAL) {
		require.NoError(t, w.SaveEntry(entries(1, 8)))
		require.NoError(t, w.SaveEntry(entries(9, 9)))
	}},
	{"records over many sectors", rotThin, nil, func(t *testing.T, w *WAL, _ func() *WAL) {
		saveAll(t, w, 1, 2, func(i uint64) []byte { return bytes.Repeat([]byte{byte(i), 0x5a, 3}, 600) })
	}},
	{"closed twice", rotThin, []Option{WithSegmentSize(16 << 10)},
		func(t *testing.T, w *WAL, again func() *WAL) {
			saveAll(t, w, 1, 4, words)
			require.NoError(t, w.Close())
			saveAll(t, again(), 5, 7, words)
		}},
	{"overwrites, truncation, snapshots", rotThin, nil, func(t *testing.T, w *WAL, _ func() *WAL) {
		require.NoError(t, w.SaveEntry(entries(1, 6)))
		require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 1}))
		require.NoError(t, w.TruncateBack(5))
		require.NoError(t, w.SaveEntry([]log.LogEntry{entry(2, 3, "over"), entry(2, 4, "")}))
		require.NoError(t, w.SaveState(&walpb.HardState{Term: 2, Vote: 3, Commit: 3}))
		require.NoError(t, w.TruncateBack(3))
	}},
	{"a restore and a compaction", rotThin, nil, func(t *testing.T, w *WAL, _ func() *WAL) {
		saveAll(t, w, 1, 5, words)
		if w.opts.etcdFormat {
			return // it has neither
		}
		st := &walpb.HardState{Term: 2, Commit: 20}
		require.NoError(t, w.Restore(&walpb.Snapshot{Index: 20, Term: 2}, st, entries(21, 22)))
		saveAll(t, w, 23, 26, words)
		require.NoError(t, w.Compact(22))
		saveAll(t, w, 27, 28, words)
	}},
	{"prepared space behind", rotThin, []Option{WithPreallocation(PreallocateReserve),
		WithSegmentSize(6 << 10)}, func(t *testing.T, w *WAL, _ func() *WAL) {
		saveAll(t, w, 1, 3, words)
	}},
	{"nothing saved", rotThin, nil, func(*testing.T, *WAL, func() *WAL) {}},
}

// make lives the shape's life and returns the files, of a log that was closed or just left.
func (s rotShape) make(t *testing.T, closed bool, opts ...Option) image {
	m := newMemFS(nil)
	all := append([]Option{withFS(m), WithSegmentSize(512), WithPreallocation(PreallocateNone)},
		append(s.opts, opts...)...)
	w, err := Create(nil, memDir, []byte("meta"), all...)
	require.NoError(t, err)
	s.life(t, w, func() *WAL {
		w, err = Open(nil, memDir, nil, all...)
		require.NoError(t, err)
		return w
	})
	if closed {
		require.NoError(t, w.Close())
	}
	im := m.image()
	for name := range im {
		if _, ok := parseSegmentName(name); !ok {
			delete(im, name) // what the pipeline was at
		}
	}
	return im
}

// rot is one damage: to the bytes of a file from off on, n of them.
type rot struct {
	file   string
	off, n int
	bit    int // flipped; -1: the bytes are zeroed
}

func (r rot) String() string {
	if r.bit < 0 {
		return fmt.Sprintf("%d zeros at %d of %s", r.n, r.off, r.file)
	}
	return fmt.Sprintf("bit %d of byte %d of %s", r.bit, r.off, r.file)
}

// allRot lists every damage: one bit in step of them, and all zeroed sectors and blocks.
func allRot(im image, step, from int) []rot {
	var list []rot
	count := from
	for _, file := range im.names() {
		data := im[file]
		for bit := range len(data) * 8 {
			if count++; count%step == 0 {
				list = append(list, rot{file, bit / 8, 1, bit % 8})
			}
		}
		for _, unit := range []int{512, 4096} {
			for off := 0; off < len(data); off += unit {
				if n := min(unit, len(data)-off); !oracle.IsZero(data[off : off+n]) {
					list = append(list, rot{file, off, n, -1})
				}
			}
		}
	}
	return list
}

// apply damages the image, and returns what takes it back.
func (r rot) apply(im image) (undo func()) {
	data := im[r.file]
	if r.bit >= 0 {
		data[r.off] ^= 1 << r.bit
		return func() { data[r.off] ^= 1 << r.bit }
	}
	before := bytes.Clone(data[r.off : r.off+r.n])
	clear(data[r.off : r.off+r.n])
	return func() { copy(data[r.off:], before) }
}

// checkPlace makes sure that the error is a corruption of the damaged segment at or before the
// damage.
func (r rot) checkPlace(t *testing.T, err error) {
	var c *CorruptionError
	if !errors.As(err, &c) || !errors.Is(err, ErrCorrupt) {
		require.FailNow(t, "not a corruption", "%s: %v", r, err)
	}
	if c.Segment != r.file || c.Offset > int64(r.off) {
		require.FailNow(t, "the wrong place", "%s: %v", r, err)
	}
}

// eachRot damages the log in every way and reads it with each reader, in parallel, at least thin
// bits apart. check is told what came out; want is what is read of the whole log.
func eachRot(t *testing.T, s rotShape, thin int, im image,
	check func(t *testing.T, r rot, want, got string, err error)) {
	for _, reader := range rotReaders {
		t.Run(s.name+"/"+reader.name, func(t *testing.T) {
			t.Parallel()
			im := im.clone()
			want, err := reader.read(im)
			require.NoError(t, err)
			seed := newSeed(t)
			step, seen := max(s.step, thin), "one in %d bits from seed %d on"
			if step > 1 {
				step *= reader.step
			}
			if os.Getenv(fullRot) != "" {
				step, seed, seen = 1, 0, "every bit (%d, %d)"
			}
			if step == 1 {
				seed = 0
			}
			refused, trials := 0, allRot(im, step, int(seed%uint64(step)))
			for _, r := range trials {
				undo := r.apply(im)
				got, err := reader.read(im)
				undo()
				if err != nil {
					refused++
				}
				check(t, r, want, got, err)
			}
			rotTrials.Add(int64(len(trials)))
			t.Logf("%d damages, %d refused; "+seen, len(trials), refused, step, seed)
		})
	}
}

// rotTrials counts the damages of all tests of a run.
var rotTrials atomic.Int64

func TestBitRot_InAClosedLog(t *testing.T) {
	before := rotTrials.Load()
	t.Run("shapes", func(t *testing.T) {
		for _, s := range rotShapes {
			eachRot(t, s, rotClosed, s.make(t, true),
				func(t *testing.T, r rot, want, got string, err error) {
					if err != nil {
						r.checkPlace(t, err)
					} else {
						require.True(t, sameContent(want, got), "%s goes unseen: want %s, got %s", r, want, got)
					}
				})
		}
	})
	t.Logf("damages to closed logs: %d; none unseen", rotTrials.Load()-before)
}

// sameContent compares what a reader gave. Verify counts records: damage to the
// CLOSED record, which is behind all content, may take it away, and the filler before it.
func sameContent(want, got string) bool {
	var w, g int
	if n, _ := fmt.Sscanf(want, "%d records,", &w); n == 1 {
		fmt.Sscanf(got, "%d records,", &g)
		return strings.TrimLeft(want, "0123456789") == strings.TrimLeft(got, "0123456789") &&
			(g == w || g == w-1 || g == w-2)
	}
	return want == got
}

// A log that was not closed: besides the above, zeros over the end of the log
// look like a batch that was never written. That is so for a zeroed piece behind
// which no record is left that says SYNCED, and for nothing else.
func TestBitRot_InAnUnclosedLog(t *testing.T) {
	before := rotTrials.Load()
	var lost atomic.Int64
	t.Run("shapes", func(t *testing.T) {
		for _, s := range rotShapes {
			im := s.make(t, false)
			names := im.names()
			last := names[len(names)-1]
			synced := lastSynced(t, last, im[last])
			eachRot(t, s, rotUnclosed, im, func(t *testing.T, r rot, want, got string, err error) {
				switch {
				case err != nil:
					r.checkPlace(t, err)
				case sameContent(want, got):
				default:
					lost.Add(1)
					require.True(t, r.bit < 0 && r.file == last && r.off+r.n > synced,
						"%s goes unseen: want %s, got %s", r, want, got)
				}
			})
		}
	})
	t.Logf("damages to logs that were not closed: %d; zeros over the last batch taken for a torn "+
		"one: %d", rotTrials.Load()-before, lost.Load())
}

// lastSynced is the offset of the last record that says SYNCED.
func lastSynced(t *testing.T, name string, seg []byte) (off int) {
	n, ok := parseSegmentName(name)
	require.True(t, ok)
	off = -1
	for at := 0; at < len(seg); at += 8 {
		if f, ok := oracle.ReadFrame(seg, n.seq, at); ok && f.Flags&1 != 0 {
			off = at
		}
	}
	return off
}

// In etcd's format there is no check and no SYNCED. What goes unseen there is
// exactly: a bit of the type field, which nothing covers, and zeros in the last
// segment, behind its header, or a bit of a tail that then reads as never written.
func TestBitRot_InEtcdFormat(t *testing.T) {
	before := rotTrials.Load()
	var types, zeros atomic.Int64
	t.Run("shapes", func(t *testing.T) {
		for _, s := range rotShapes {
			if strings.Contains(s.name, "truncation") {
				continue // not in this format
			}
			im := s.make(t, true, WithEtcdFormat())
			names := im.names()
			last := names[len(names)-1]
			typeAt := typeBytes(t, im)
			eachRot(t, s, rotUnclosed, im, func(t *testing.T, r rot, want, got string, err error) {
				switch {
				case errors.Is(err, ErrDecode) && r.bit >= 0 && slices.Contains(typeAt[r.file], r.off):
				case err != nil:
					var c *CorruptionError
					require.ErrorAs(t, err, &c, "%s", r)
				case want == got:
				case r.bit < 0:
					zeros.Add(1)
					require.Equal(t, last, r.file, "%s goes unseen: want %s, got %s", r, want, got)
				default:
					types.Add(1)
					require.Contains(t, typeAt[r.file], r.off, "%s goes unseen: want %s, got %s", r, want, got)
				}
			})
		}
	})
	t.Logf("damages in etcd format: %d; unseen type bits: %d, zeros taken for a torn tail: %d",
		rotTrials.Load()-before, types.Load(), zeros.Load())
}

// typeBytes are the offsets of the records' types, by file.
func typeBytes(t *testing.T, im image) map[string][]int {
	out := map[string][]int{}
	for name, seg := range im {
		for off := 0; off < len(seg); {
			f, ok := oracle.ReadFrame(seg, 0, off)
			if !ok {
				require.True(t, oracle.IsZero(seg[off:]), "a record at %d of %s", off, name)
				break
			}
			out[name] = append(out[name], off+9)
			off += f.Size
		}
	}
	return out
}
