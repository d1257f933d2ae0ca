package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Crash images made by hand: a save's write is cut into what a disk may leave of
// it, and the log is opened. It must open, with all that was acknowledged and with
// the last save whole or not at all.

// sectors cuts the writes at the borders of sectors.
func sectors(writes []memWrite) []memWrite {
	var out []memWrite
	for _, w := range writes {
		for off, end := w.off, w.off+int64(len(w.data)); off < end; {
			next := min(off/sectorSize*sectorSize+sectorSize, end)
			out = append(out, memWrite{w.name, off, w.data[off-w.off : next-w.off]})
			off = next
		}
	}
	return out
}

// with returns the image with some writes done to it.
func (im image) with(writes ...memWrite) image {
	out := im.clone()
	for _, w := range writes {
		data := out[w.name]
		if grow := int(w.off) + len(w.data) - len(data); grow > 0 {
			data = append(data, make([]byte, grow)...)
		}
		copy(data[w.off:], w.data)
		out[w.name] = data
	}
	return out
}

// subsets calls f with every subset of n things or, when there are too many, with
// none, all, all but one, each one, and some that the seed picks.
func subsets(n, most int, rnd *rand.Rand, f func(has func(i int) bool)) {
	if 1<<min(n, 30) <= most {
		for set := range 1 << n {
			f(func(i int) bool { return set>>i&1 != 0 })
		}
		return
	}
	f(func(int) bool { return false })
	f(func(int) bool { return true })
	for one := range n {
		f(func(i int) bool { return i != one })
		f(func(i int) bool { return i == one })
	}
	for range max(0, most-2-2*n) {
		set := make([]bool, n)
		for i := range set {
			set[i] = rnd.IntN(2) == 0
		}
		f(func(i int) bool { return set[i] })
	}
}

// tornCase is a save to be torn, behind saves that were acknowledged.
type tornCase struct {
	name string
	opts []Option
	save func(w *WAL) error
}

func payload(seed byte, n int) string {
	rnd := rand.New(rand.NewPCG(uint64(seed), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return string(b)
}

func saveOf(st log.HardState, ents ...log.LogEntry) func(*WAL) error {
	return func(w *WAL) error { return w.Save(st, ents) }
}

var tornState = &walpb.HardState{Term: 3, Vote: 2, Commit: 5}

var tornCases = []tornCase{
	{"small", nil, saveOf(nil, entry(1, 6, "small"))},
	{"state", nil, saveOf(tornState)},
	{"several small records", nil, saveOf(tornState, entry(1, 6, "a"), entry(1, 7, "b"), entry(1, 8, ""))},
	{"over three sectors", nil, saveOf(nil, entry(1, 6, payload(1, 1200)))},
	{"zeros", nil, saveOf(nil, entry(1, 6, string(make([]byte, 1500))))},
	{"a bit a sector", nil, saveOf(nil, entry(1, 6, strings.Repeat(string(make([]byte, 500))+"\x10", 3)))},
	{"several over several sectors", nil, saveOf(tornState, entry(1, 6, payload(2, 700)), entry(1, 7, payload(3, 300)), entry(1, 8, payload(4, 900)))},
	{"zeros and noise", nil, saveOf(tornState, entry(1, 6, string(make([]byte, 900))), entry(1, 7, payload(5, 600)))},
	{"over twenty sectors", nil, saveOf(nil, entry(1, 6, payload(6, 4000)), entry(1, 7, payload(7, 6000)))},
	{"overwrite", nil, saveOf(tornState, entry(2, 3, payload(8, 600)))},
	{"snapshot", nil, func(w *WAL) error { return w.SaveSnap(&walpb.Snapshot{Index: 5, Term: 1}) }},
	{"truncation", nil, func(w *WAL) error { return w.TruncateBack(2) }},
	{"in a growing file", []Option{WithPreallocation(PreallocateNone)}, saveOf(tornState, entry(1, 6, payload(9, 900)))},
}

// tornLog is a log with one save in flight.
type tornLog struct {
	opts          []Option
	before        image // all that was acknowledged
	inFlight      []memWrite
	without, with string // the content without and with the save
}

// open runs a log with the case's options on an image.
func (tl *tornLog) open(im image, opts ...Option) (*WAL, *memFS, error) {
	m := newMemFS(im)
	w, err := Open(nil, memDir, nil, append(slices.Clone(append(tl.opts, withFS(m))), opts...)...)
	return w, m, err
}

func newTornLog(t *testing.T, c tornCase, opts ...Option) *tornLog {
	m := newMemFS(nil)
	tl := &tornLog{opts: append(append([]Option{WithSegmentSize(16 << 10), WithPreallocation(PreallocateReserve)}, c.opts...), opts...)}
	w, err := Create(nil, memDir, []byte("meta"), append(slices.Clone(tl.opts), withFS(m))...)
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 4}, entries(4, 5)))
	tl.before = m.image()
	tl.without, err = content(&w.view)
	require.NoError(t, err)
	m.takeWrites()
	require.NoError(t, c.save(w))
	for _, write := range m.takeWrites() {
		if write.data != nil {
			tl.inFlight = append(tl.inFlight, write)
		}
	}
	require.Len(t, tl.inFlight, 1, "a save is one write")
	tl.with, err = content(&w.view)
	require.NoError(t, err)
	return tl
}

// opens opens a crash's image, and returns what is in it and the writes of its healing.
func (tl *tornLog) opens(t *testing.T, im image, what string) (string, []memWrite) {
	w, m, err := tl.open(im)
	require.NoError(t, err, what)
	got, err := content(&w.view)
	require.NoError(t, err, what)
	return got, m.takeWrites()
}

// check opens a crash's image and goes through all that must hold after it. want
// are the contents allowed.
func (tl *tornLog) check(t *testing.T, im image, what string, want ...string) string {
	w, m, err := tl.open(im.clone())
	require.NoError(t, err, what)
	got, err := content(&w.view)
	require.NoError(t, err, what)
	require.Contains(t, want, got, what)
	read, err := readContent(im)
	require.NoError(t, err, "%s: without healing", what)
	require.Equal(t, got, read, "%s: without healing", what)
	tail := m.image()[w.tailSegment().String()]
	require.True(t, isZero(tail[tailOf(w).off:]), "%s: not all behind the end is zero", what)

	logged, seen := observer.New(zapcore.WarnLevel)
	healed := m.image()
	again, err := Open(zap.New(logged), memDir, nil, append(slices.Clone(tl.opts), withFS(newMemFS(healed.clone())))...)
	require.NoError(t, err, "%s: second open", what)
	second, err := content(&again.view)
	require.NoError(t, err, what)
	require.Equal(t, got, second, "%s: second open", what)
	require.Zero(t, seen.Len(), "%s: second open warns: %v", what, seen.All())

	next := entry(9, again.LastIndex()+1, "appended")
	require.NoError(t, again.SaveEntry([]log.LogEntry{next}), what)
	require.NoError(t, again.Close(), what)
	ents := readAll(t, memDir, nil, withFS(again.fs))
	require.Equal(t, next, ents[len(ents)-1], what)
	return got
}

func TestTornSaveIsWholeOrGone(t *testing.T) {
	images := 0
	for _, c := range tornCases {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(11, 12))
			tl := newTornLog(t, c)
			pieces := sectors(tl.inFlight)
			subsets(len(pieces), 64, rnd, func(has func(int) bool) {
				var kept []memWrite
				all := true
				for i, p := range pieces {
					if has(i) {
						kept = append(kept, p)
					}
					all = all && has(i)
				}
				what := fmt.Sprintf("%d of %d sectors written", len(kept), len(pieces))
				got := tl.check(t, tl.before.with(kept...), what, tl.without, tl.with)
				require.True(t, !all || got == tl.with, "all is written")
				images++
			})
			images += tl.shortWrites(t, rnd)
		})
	}
	t.Log("crash images opened:", images)
}

// shortWrites tears the save at bytes, and takes the file's size back.
func (tl *tornLog) shortWrites(t *testing.T, rnd *rand.Rand) (images int) {
	write := tl.inFlight[0]
	step := len(write.data)/150 + 1
	for n := rnd.IntN(step); n <= len(write.data); n += step {
		what := fmt.Sprintf("%d of %d bytes written", n, len(write.data))
		im := tl.before.with(memWrite{write.name, write.off, write.data[:n]})
		tl.check(t, im, what, tl.without, tl.with)
		// The size of the file may be lost, too: it ends at any byte.
		whole := tl.before.with(write)
		whole[write.name] = whole[write.name][:write.off+int64(n)]
		tl.check(t, whole, "the file ends there: "+what, tl.without, tl.with)
		images += 2
	}
	return images
}

// In etcd's format each record is its own save: what is left is any number of the
// save's first records. A sector is the finest that can be torn there.
func TestTornSaveInEtcdFormatKeepsARunOfRecords(t *testing.T) {
	for _, c := range tornCases {
		if c.name == "truncation" {
			continue // not in this format
		}
		t.Run(c.name, func(t *testing.T) {
			tl := newTornLog(t, c, WithEtcdFormat())
			allowed := []string{tl.without, tl.with}
			write := tl.inFlight[0]
			for end := 0; end < len(write.data); { // the contents after each record
				f, ok := readFrame(write.data, 0, end)
				require.True(t, ok)
				end += f.size
				got, _ := tl.opens(t, tl.before.with(memWrite{write.name, write.off, write.data[:end]}), "whole records")
				allowed = append(allowed, got)
			}
			require.Equal(t, tl.with, allowed[len(allowed)-1])
			pieces := sectors(tl.inFlight)
			subsets(len(pieces), 64, rand.New(rand.NewPCG(13, 14)), func(has func(int) bool) {
				var kept []memWrite
				for i, p := range pieces {
					if has(i) {
						kept = append(kept, p)
					}
				}
				tl.check(t, tl.before.with(kept...), fmt.Sprintf("%d of %d sectors written", len(kept), len(pieces)), allowed...)
			})
			// Torn at a byte, it may be refused, but nothing else comes out of it.
			for n := 0; n < len(write.data); n += len(write.data)/300 + 1 {
				w, _, err := tl.open(tl.before.with(memWrite{write.name, write.off, write.data[:n]}))
				if err != nil {
					require.ErrorIs(t, err, ErrCorrupt)
					continue
				}
				got, err := content(&w.view)
				require.NoError(t, err)
				require.Contains(t, allowed, got, "%d bytes written", n)
			}
		})
	}
}

// A crash during healing leaves any of its sectors written; the next open comes to the same log.
func TestCrashDuringHealing(t *testing.T) {
	images := 0
	for _, c := range tornCases {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(15, 16))
			tl := newTornLog(t, c)
			pieces := sectors(tl.inFlight)
			subsets(len(pieces), 16, rnd, func(has func(int) bool) {
				var kept []memWrite
				for i, p := range pieces {
					if has(i) {
						kept = append(kept, p)
					}
				}
				crashed := tl.before.with(kept...)
				want, heal := tl.opens(t, crashed.clone(), "first open")
				healing := sectors(untilSync(heal))
				subsets(len(healing), 32, rnd, func(has func(int) bool) {
					var done []memWrite
					for i, p := range healing {
						if has(i) {
							done = append(done, p)
						}
					}
					what := fmt.Sprintf("%d of %d sectors of the save, %d of %d of its healing", len(kept), len(pieces), len(done), len(healing))
					got, _ := tl.opens(t, crashed.with(done...), what)
					require.Equal(t, want, got, what)
					images++
				})
			})
		})
	}
	t.Log("crashes during healing:", images)
}

// untilSync are the writes before the first sync.
func untilSync(writes []memWrite) []memWrite {
	i := slices.IndexFunc(writes, func(w memWrite) bool { return w.data == nil })
	return writes[:i]
}

var errDead = errors.New("the process is dead")

// dying makes every call from the n-th on fail.
func dying(fsys *faultFS, n int) (calls *int) {
	calls = new(int)
	fsys.setFail(func(op) (int, error) {
		if *calls++; *calls >= n {
			return 0, errDead
		}
		return 0, nil
	})
	return calls
}

// A process that dies at the n-th call of its file system, for every n: of
// creating a log, saving, cutting segments, releasing, purging and closing.
func TestDeathAtEveryCall(t *testing.T) {
	for _, format := range []struct {
		name string
		opts []Option
	}{{"sealed", nil}, {"etcd format", []Option{WithEtcdFormat()}}} {
		t.Run(format.name, func(t *testing.T) {
			deaths := 0
			for n := 1; ; n++ {
				m := newMemFS(nil)
				fsys := &faultFS{FS: m}
				calls := dying(fsys, n)
				opts := append([]Option{WithSegmentSize(512), WithPreallocation(PreallocateReserve)}, format.opts...)
				created, saved := liveUntilDeath(append(opts, withFS(fsys)))
				if *calls < n {
					break // it lived
				}
				deaths++
				afterDeath(t, m.image(), opts, created, saved, fmt.Sprintf("death at call %d", n))
			}
			t.Log("deaths:", deaths)
			require.Greater(t, deaths, 60)
		})
	}
}

// liveUntilDeath lives a log's life, and returns the last index acknowledged.
func liveUntilDeath(opts []Option) (created bool, saved uint64) {
	w, err := Create(nil, memDir, []byte("meta"), opts...)
	if err != nil {
		return false, 0
	}
	defer w.pipeline.close()
	for i := uint64(1); i <= 16; i++ {
		if w.Save(&walpb.HardState{Term: 1, Commit: i}, []log.LogEntry{entry(1, i, strings.Repeat("x", 60))}) != nil {
			return true, i - 1
		}
		if i == 12 {
			snap := &walpb.Snapshot{Index: 9, Term: 1}
			if w.SaveSnap(snap) == nil && w.Release(snap) == nil {
				w.Purge()
			}
		}
	}
	w.Close()
	return true, 16
}

// afterDeath opens what a death left, and goes on with it.
func afterDeath(t *testing.T, im image, opts []Option, created bool, saved uint64, what string) {
	opts = append(slices.Clone(opts), withFS(newMemFS(im)))
	w, err := Open(nil, memDir, nil, opts...)
	if !created && err != nil {
		require.NotErrorIs(t, err, ErrCorrupt, what)
		w, err = Create(nil, memDir, []byte("meta"), opts...)
	}
	require.NoError(t, err, what)
	require.GreaterOrEqual(t, w.LastIndex(), saved, what)
	require.LessOrEqual(t, w.LastIndex(), saved+1, what)
	last := w.LastIndex()
	require.Contains(t, []uint64{last, last - min(last, 1)}, w.State().GetCommitted(), what)
	for ent, err := range w.Entries(w.FirstIndex(), last+1) {
		require.NoError(t, err, what)
		require.True(t, bytes.Equal(bytes.Repeat([]byte("x"), 60), ent.(*walpb.Entry).Data), what)
	}
	require.LessOrEqual(t, w.FirstIndex(), uint64(10), what)
	require.NoError(t, w.SaveEntry(entries(last+1, last+9)), what)
	require.NoError(t, w.Close(), what)
	_, err = Verify(nil, memDir, opts...)
	require.NoError(t, err, what)
}
