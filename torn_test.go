package wal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// One save of each shape, torn in all the ways in which the simulated disk and a
// short write can tear it. The log must open, with all that was acknowledged and with
// the last save whole or not at all.

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
	{"several small records", nil,
		saveOf(tornState, entry(1, 6, "a"), entry(1, 7, "b"), entry(1, 8, ""))},
	{"over three sectors", nil, saveOf(nil, entry(1, 6, payload(1, 1200)))},
	{"zeros", nil, saveOf(nil, entry(1, 6, string(make([]byte, 1500))))},
	{"a bit a sector", nil,
		saveOf(nil, entry(1, 6, strings.Repeat(string(make([]byte, 500))+"\x10", 3)))},
	{"several over several sectors", nil, saveOf(tornState, entry(1, 6, payload(2, 700)),
		entry(1, 7, payload(3, 300)), entry(1, 8, payload(4, 900)))},
	{"zeros and noise", nil,
		saveOf(tornState, entry(1, 6, string(make([]byte, 900))), entry(1, 7, payload(5, 600)))},
	{"over twenty sectors", nil,
		saveOf(nil, entry(1, 6, payload(6, 4000)), entry(1, 7, payload(7, 6000)))},
	{"overwrite", nil, saveOf(tornState, entry(2, 3, payload(8, 600)))},
	{"snapshot", nil, func(w *WAL) error { return w.SaveSnap(&walpb.Snapshot{Index: 5, Term: 1}) }},
	{"truncation", nil, func(w *WAL) error { return w.TruncateBack(2) }},
	{"in a growing file", []Option{WithPreallocation(PreallocateNone)},
		saveOf(tornState, entry(1, 6, payload(9, 900)))},
}

// tornLog is a log with one save in flight.
type tornLog struct {
	opts          []Option
	media         *crashfs.Media // with all of the save written, and nothing of it synced
	before, after image          // the files without and with the save
	file          string         // where the save is written
	off, end      int            // and from where to where
	without, with string         // the content without and with the save
}

func newTornLog(t *testing.T, c tornCase, opts ...Option) *tornLog {
	m := newMemFS(nil)
	// No case fills half of a segment, so nothing is prepared in the background beside the save.
	tl := &tornLog{opts: append(append([]Option{WithSegmentSize(32 << 10),
		WithPreallocation(PreallocateReserve)}, c.opts...), opts...)}
	w, err := Create(nil, memDir, []byte("meta"), append(slices.Clone(tl.opts), withFS(m))...)
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 4}, entries(4, 5)))
	tl.before, tl.file, tl.off = m.image(), w.tailSegment().String(), int(tailOf(w).off)
	tl.without, err = content(&w.view)
	require.NoError(t, err)
	rec := m.Record()
	require.NoError(t, c.save(w))
	tl.after, tl.end = m.image(), int(tailOf(w).off)
	require.Nil(t, w.pipeline.next, "no segment is prepared beside the save")
	require.Equal(t, 2, rec.Len(), "a save is one write and one sync")
	tl.media = rec.Media()
	tl.media.Advance()
	tl.with, err = content(&w.view)
	require.NoError(t, err)
	return tl
}

// open runs a log with the case's options on an image.
func (tl *tornLog) open(im image, opts ...Option) (*WAL, *memFS, error) {
	m := newMemFS(im)
	w, err := Open(nil, memDir, nil, append(slices.Clone(append(tl.opts, withFS(m))), opts...)...)
	return w, m, err
}

// opens opens a crash's image, and returns what is in it.
func (tl *tornLog) opens(t *testing.T, im image, what string) string {
	w, _, err := tl.open(im)
	require.NoError(t, err, what)
	got, err := content(&w.view)
	require.NoError(t, err, what)
	return got
}

// written is the image with so many bytes of the save written; short ends the file there, too.
func (tl *tornLog) written(n int, short bool) image {
	im := tl.after.clone()
	tail := im[tl.file]
	switch {
	case short:
		im[tl.file] = tail[:tl.off+n]
	case len(tl.before[tl.file]) >= tl.end:
		clear(tail[tl.off+n : tl.end])
	default: // the file has grown
		im[tl.file] = tail[:max(tl.off+n, len(tl.before[tl.file]))]
	}
	return im
}

// images calls f with all images of a moment, or with so many of them.
func images(m *crashfs.Media, most int, rnd *rand.Rand, f func(im image)) {
	if m.Images() <= uint64(most) {
		m.Each(func(im crashfs.Image) bool {
			f(im.Dir(memDir))
			return true
		})
		return
	}
	for range most {
		f(m.Sample(rnd).Dir(memDir))
	}
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
	require.True(t, oracle.IsZero(tail[tailOf(w).off:]), "%s: not all behind the end is zero", what)

	logged, seen := observer.New(zapcore.WarnLevel)
	healed := m.image()
	again, err := Open(zap.New(logged), memDir, nil,
		append(slices.Clone(tl.opts), withFS(newMemFS(healed.clone())))...)
	require.NoError(t, err, "%s: second open", what)
	second, err := content(&again.view)
	require.NoError(t, err, what)
	require.Equal(t, got, second, "%s: second open", what)
	require.Zero(t, seen.Len(), "%s: second open warns: %v", what, seen.All())

	next := entry(9, again.LastIndex()+1, "appended")
	require.NoError(t, again.SaveEntry([]log.LogEntry{next}), what)
	require.NoError(t, again.Close(), what)
	ents := readAll(t, memDir, nil, withFS(again.opts.fs))
	require.Equal(t, next, ents[len(ents)-1], what)
	return got
}

func TestTorn_ASaveIsWholeOrGone(t *testing.T) {
	tried := 0
	for _, c := range tornCases {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(11, 12))
			tl := newTornLog(t, c)
			images(tl.media, 64, rnd, func(im image) {
				got := tl.check(t, im, fmt.Sprintf("image %d", tried), tl.without, tl.with)
				require.True(t, got == tl.with || !im.equal(tl.after), "all is written")
				tried++
			})
			tried += tl.shortWrites(t, rnd)
		})
	}
	t.Log("crash images opened:", tried)
}

// shortWrites tears the save at bytes, and takes the file's size back.
func (tl *tornLog) shortWrites(t *testing.T, rnd *rand.Rand) (tried int) {
	size := tl.end - tl.off
	step := size/60 + 1
	for n := rnd.IntN(step); n <= size; n += step {
		what := fmt.Sprintf("%d of %d bytes written", n, size)
		tl.check(t, tl.written(n, false), what, tl.without, tl.with)
		// The size of the file may be lost, too: it ends at any byte.
		tl.check(t, tl.written(n, true), "the file ends there: "+what, tl.without, tl.with)
		tried += 2
	}
	return tried
}

// In etcd's format each record is its own save: what is left is any number of the
// save's first records. A sector is the finest that can be torn there.
func TestTorn_ASaveInEtcdFormatKeepsARunOfRecords(t *testing.T) {
	for _, c := range tornCases {
		if c.name == "truncation" {
			continue // not in this format
		}
		t.Run(c.name, func(t *testing.T) {
			tl := newTornLog(t, c, WithEtcdFormat())
			allowed := []string{tl.without, tl.with}
			size := tl.end - tl.off
			for end := 0; end < size; { // the contents after each record
				f, ok := oracle.ReadFrame(tl.after[tl.file], 0, tl.off+end)
				require.True(t, ok)
				end += f.Size
				allowed = append(allowed, tl.opens(t, tl.written(end, false), "whole records"))
			}
			require.Equal(t, tl.with, allowed[len(allowed)-1])
			images(tl.media, 64, rand.New(rand.NewPCG(13, 14)),
				func(im image) { tl.check(t, im, "an image", allowed...) })
			// Torn at a byte, it may be refused, but nothing else comes out of it.
			for n := 0; n < size; n += size/300 + 1 {
				w, _, err := tl.open(tl.written(n, false))
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

// A crash during healing, at any change, leaves any of its sectors written; the next open
// comes to the same log.
func TestTorn_CrashDuringHealing(t *testing.T) {
	tried := 0
	for _, c := range tornCases {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(15, 16))
			tl := newTornLog(t, c)
			images(tl.media, 16, rnd, func(crashed image) {
				m := newMemFS(crashed)
				rec := m.Record()
				w, err := Open(nil, memDir, nil, append(slices.Clone(tl.opts), withFS(m))...)
				require.NoError(t, err)
				want, err := content(&w.view)
				require.NoError(t, err)
				media := rec.Media()
				for more := true; more; more = media.Advance() {
					images(media, 16, rnd, func(im image) {
						what := fmt.Sprintf("after %d changes of the healing", media.At())
						require.Equal(t, want, tl.opens(t, im, what), what)
						tried++
					})
				}
			})
		})
	}
	t.Log("crashes during healing:", tried)
}
