package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// strictFile is a segment that must not be read outside of its bytes.
type strictFile struct {
	vfs.File
	t    *testing.T
	data []byte
}

func (f *strictFile) Size() (int64, error) { return int64(len(f.data)), nil }

func (f *strictFile) Data(off int64) (start, end int64, err error) {
	return off, int64(len(f.data)), nil
}

func (f *strictFile) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(b)) > int64(len(f.data)) {
		f.t.Fatalf("reads %d bytes at offset %d of %d", len(b), off, len(f.data))
	}
	return copy(b, f.data[off:]), nil
}

// FuzzDecoder: whatever a segment holds, the decoder and the search for the end
// do not panic, read only what is there, take no memory beyond it, and come to an end within it.
func FuzzDecoder(f *testing.F) {
	for _, opts := range [][]Option{nil, {WithEtcdFormat()}} {
		m := newMemFS(nil)
		w, err := Create(nil, memDir, []byte("m"),
			append(opts, withFS(m), WithSegmentSize(1024), WithPreallocation(PreallocateNone))...)
		require.NoError(f, err)
		require.NoError(f, w.Save(&walpb.HardState{Term: 1}, entries(1, 3)))
		w.pipeline.close()
		for _, seg := range m.image() {
			f.Add(seg, uint64(0))
			f.Add(append(slices.Clone(seg), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0), uint64(0))
			f.Add(append(seg, make([]byte, 40)...), uint64(1))
		}
	}
	f.Add([]byte{}, uint64(0))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<56-1), uint64(7))
	f.Fuzz(func(t *testing.T, body []byte, seq uint64) {
		size := int64(len(body))
		for _, exact := range []bool{true, false} {
			d := decoder{win: window{f: &strictFile{t: t, data: body}, name: "fuzz", size: size}, seq: seq,
				exact: exact}
			for off := int64(0); ; off = d.off {
				fr, err := d.next()
				if err != nil {
					_, bad := asBadFrame(err)
					require.True(t, bad || err == io.EOF, "%v", err)
					break
				}
				require.Equal(t, off+fr.Size, d.off)
				require.LessOrEqual(t, d.off, size)
				require.Zero(t, d.off%frame.WordSize)
				require.LessOrEqual(t, int64(len(fr.Data)), fr.Size)
			}
			require.LessOrEqual(t, int64(cap(d.win.buf)), size)
		}
		s := &scan{name: segmentName{seq: seq}, last: true,
			entries: codec.NewIndexReader(log.DefaultRegistry(), false)}
		s.run(&strictFile{t: t, data: body}, nil)
		if s.err != nil {
			require.True(t, errors.Is(s.err, ErrCorrupt) || errors.Is(s.err, ErrDecode), "%v", s.err)
			return
		}
		end := s.end
		require.True(t, 0 < end.off && end.synced < end.off && end.off <= max(end.dirty, end.off) &&
			end.off <= size && end.dirty <= size+frame.WordSize, "%+v", end)
	})
}

// recoverLog is a log to be damaged, with its content after each save and
// where in the concatenation of its segments that save ends.
type recoverLog struct {
	im       image
	contents []string
	ends     []int
	closed   int // where CLOSED stands; 0 in a log that was not closed
}

func newRecoverLog(t testing.TB, closed bool) *recoverLog {
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("meta"), withFS(m), WithSegmentSize(512),
		WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	rl := &recoverLog{}
	before := 0
	note := func(segs int) {
		if segs != len(w.segments) {
			file, err := w.dir.OpenRead(w.segments[segs-1].String())
			require.NoError(t, err)
			defer file.Close()
			size, err := file.Size()
			require.NoError(t, err)
			before += int(size)
		}
		got, err := content(&w.view)
		require.NoError(t, err)
		rl.contents = append(rl.contents, got)
		rl.ends = append(rl.ends, before+int(tailOf(w).off))
	}
	note(1)
	for i := range uint64(9) {
		segs := len(w.segments)
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: i},
			[]log.LogEntry{entry(1, i+1, "data"), entry(1, i+2, string(make([]byte, i*20)))}))
		note(segs)
	}
	if closed {
		require.NoError(t, w.Close())
		rl.closed = before + closedBlock
	}
	w.pipeline.close()
	rl.im = m.image()
	return rl
}

// overwrite puts data over the segments' bytes from pos on, or in place of all that follows.
func (rl *recoverLog) overwrite(pos int, data []byte, cut bool) (im image, first, last int) {
	im = rl.im.clone()
	total, at := 0, 0
	for _, name := range im.names() {
		total += len(im[name])
	}
	pos %= total
	names := im.names()
	for i, name := range names {
		seg := im[name]
		for j := range seg {
			if k := at + j - pos; k >= 0 && k < len(data) {
				seg[j] = data[k]
			}
		}
		if tail := i == len(names)-1; tail && cut {
			seg = append(seg[:max(0, min(len(seg), pos-at))], data[min(len(data), max(0, at-pos)):]...)
		}
		at += len(seg)
		im[name] = seg
	}
	if cut {
		return im, pos, total
	}
	return im, pos, pos + len(data)
}

// FuzzRecover: with arbitrary bytes over a part of a log, or in place of its end,
// Open either says ErrCorrupt, or gives the log as it was after some save, and
// that save is not earlier than the last one before the damage. If the log was closed
// and its CLOSED record is untouched, nothing may be missing.
func FuzzRecover(f *testing.F) {
	logs := map[bool]*recoverLog{false: newRecoverLog(f, false), true: newRecoverLog(f, true)}
	f.Add(300, []byte{0}, false, false)
	f.Add(900, make([]byte, 512), false, false)
	f.Add(1400, make([]byte, 40), true, false)
	f.Add(1000, []byte("garbage garbage garbage"), true, true)
	f.Add(1200, make([]byte, 4096), false, true)
	f.Add(70, []byte{1, 0, 0, 0, 0, 0, 0, 0x87}, false, true)
	for _, name := range logs[false].im.names() {
		f.Add(1111, logs[false].im[name], true, false)
	}
	f.Fuzz(func(t *testing.T, pos int, data []byte, cut, closed bool) {
		if pos < 0 || len(data) > 1<<16 {
			return
		}
		rl := logs[closed]
		im, from, to := rl.overwrite(pos, data, cut)
		if got, err := readContent(im); err == nil {
			rl.requirePrefix(t, got, from, to)
		} else {
			require.ErrorIs(t, err, ErrCorrupt)
		}
		got, err := openedContent(im)
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			return
		}
		rl.requirePrefix(t, got, from, to)
		again, err := openedContent(newMemFS(im).image())
		if !errors.Is(err, ErrLocked) {
			require.NoError(t, err)
			require.Equal(t, got, again, "the second open")
		}
	})
}

// requirePrefix makes sure that got is what was there after a save, and not too early a one.
func (rl *recoverLog) requirePrefix(t *testing.T, got string, from, to int) {
	after := slices.Index(rl.contents, got)
	require.GreaterOrEqual(t, after, 0, "never was this the content: %s", got)
	least := 0
	for i, end := range rl.ends {
		if end <= from || rl.closed > 0 && to <= rl.closed {
			least = i
		}
	}
	require.GreaterOrEqual(t, after, least, "saves are missing")
}

// modelRun is a log under random operations. Its model is what a crashRun keeps.
type modelRun struct {
	*crashRun
	ops []byte
	log []string
}

func (r *modelRun) byte() byte {
	if len(r.ops) == 0 {
		return 0
	}
	b := r.ops[0]
	r.ops = r.ops[1:]
	return b
}

// newModelRun makes a run whose kind comes from the bits of a byte.
func newModelRun(t *testing.T, ops []byte, kind byte) *modelRun {
	wl := crashWorkload{size: 512, kind: crashKind{etcd: kind&1 != 0, noSync: kind&2 != 0}}
	if wl.kind.etcd {
		wl.opts = append(wl.opts, WithEtcdFormat())
	}
	if wl.kind.noSync {
		wl.opts = append(wl.opts, WithNoSync())
	}
	seed := fnv.New64a()
	seed.Write(ops)
	rnd := rand.New(rand.NewPCG(seed.Sum64(), uint64(kind)))
	return &modelRun{crashRun: newCrashRun(t, wl, Preallocation(kind>>2%3), rnd), ops: ops}
}

// step does one operation on the log and its model.
func (r *modelRun) step() {
	op, arg := r.byte()%17, int(r.byte())
	r.log = append(r.log, fmt.Sprintf("%d(%d)", op, arg))
	last := r.life.Newest().Last()
	below := last - min(uint64(arg%8), last)
	if r.kind.etcd && (op == 6 || op == 14 || op == 15) {
		r.refuse(op)
		return
	}
	switch op {
	case 0, 1:
		r.save(r.state(), r.entries(arg%4+1, 3*arg)...)
	case 2: // over earlier ones
		r.overwrite(below, arg)
	case 3:
		gap := last + 2 + uint64(arg)
		require.ErrorIs(r.t, r.w.SaveEntry(entries(gap, gap)), ErrIndexGap)
	case 4:
		r.save(r.state())
	case 5: // also above the last entry: the log jumps
		r.snapshot(below + uint64(arg/250*8))
	case 6:
		r.truncate(below)
	case 7:
		r.reopen()
	case 8:
		r.die()
	case 9:
		r.purge(r.life.Newest().Snapshot.Index)
	case 10:
		r.powerCut(arg%16, nil)
	case 11:
		r.powerCut(arg%16, func() {
			_, err := Repair(nil, crashDir, r.options()...)
			require.NoError(r.t, err)
		})
	case 12:
		r.sync()
	case 13:
		r.abandon()
	case 14:
		r.restore(below+uint64(arg/128*5), arg/8%4, arg)
	case 15:
		require.ErrorIs(r.t, r.w.Compact(last+1), ErrNotFound)
		r.compact(below)
	case 16:
		r.backup(arg%2 == 0)
	}
}

// refuse tries an operation for which etcd's format has no record.
func (r *modelRun) refuse(op byte) {
	call := map[byte]func() error{
		6:  func() error { return r.w.TruncateBack(0) },
		14: func() error { return r.w.Restore(at(1), nil, nil) },
		15: func() error { return r.w.Compact(0) },
	}[op]
	require.ErrorIs(r.t, call(), errors.ErrUnsupported)
}

// overwrite saves up to three entries behind an index, in place of those that are there.
func (r *modelRun) overwrite(below uint64, arg int) {
	ents := []*walpb.Entry{r.entry(2, below+1, arg)}
	for i := range uint64(arg % 3) {
		ents = append(ents, r.entry(2, below+2+i, arg))
	}
	r.save(nil, ents...)
}

// compare makes sure that the log holds what the model says, by every way of reading.
func (r *modelRun) compare() {
	f, err := foundIn(&r.w.view, crashMetadata)
	require.NoError(r.t, err, "%v", r.log)
	stage := len(r.life.Stages) - 1
	floor := r.life.Floor(r.at()+1, stage)
	require.True(r.t, r.life.Newest().Is(f, floor), "after %v\nfound %v\nwant %v\n"+
		"entries up to %d may be gone", r.log, f.Contents(), r.life.Newest(), floor)

	lo := f.First + r.rnd.Uint64N(uint64(len(f.Entries))+1)
	hi := lo + r.rnd.Uint64N(f.Last()+2-lo)
	for e, err := range r.w.Entries(lo, hi) {
		require.NoError(r.t, err, "%v", r.log)
		require.True(r.t, crashmodel.SameEntry(e.(*walpb.Entry), f.Entries[lo-f.First]), "entry %d, %v",
			lo, r.log)
		lo++
	}
	require.Equal(r.t, hi, lo)
	_, err = r.w.Entry(f.Last() + 1)
	require.ErrorIs(r.t, err, ErrNotFound)
	_, err = r.w.Entry(f.First - 1)
	require.ErrorIs(r.t, err, ErrCompacted)
}

// FuzzModel: a log under random operations, with closes, deaths of the process, power cuts, repairs
// and reopens among them, holds what a plain model of it says.
func FuzzModel(f *testing.F) {
	f.Add([]byte{0, 0, 3, 1, 9, 2, 4, 4, 7, 7, 0, 1, 60, 2, 5, 7, 0}, byte(0))
	f.Add([]byte{0, 0, 60, 1, 90, 1, 90, 1, 90, 5, 2, 9, 0, 8, 0, 2, 7, 7, 0, 9, 0}, byte(4))
	f.Add([]byte{0, 0, 60, 6, 3, 6, 1, 8, 0, 0, 9, 5, 255, 0, 1, 8, 0, 9, 0, 7, 0}, byte(8))
	f.Add([]byte{1, 0, 60, 6, 3, 2, 7, 8, 0, 0, 200, 5, 2, 0, 200, 9, 0, 7, 0, 8, 0}, byte(1))
	f.Add([]byte{0, 200, 10, 1, 0, 99, 11, 2, 0, 9, 10, 5, 2, 200, 6, 2, 10, 2, 1, 7, 10, 3}, byte(0))
	f.Add([]byte{0, 200, 10, 1, 0, 99, 1, 30, 12, 0, 0, 9, 10, 5, 4, 0, 4, 0, 11, 3, 8, 0, 10, 9},
		byte(2))
	f.Add([]byte{0, 80, 13, 0, 0, 80, 4, 0, 13, 0, 1, 90, 13, 0, 10, 3, 6, 2, 13, 0, 7, 0, 13, 0},
		byte(4))
	f.Add([]byte{0, 80, 13, 0, 4, 0, 13, 0, 0, 90, 12, 0, 0, 90, 13, 0, 10, 9, 13, 0}, byte(2))
	f.Add([]byte{0, 80, 16, 0, 0, 90, 4, 0, 16, 1, 5, 251, 16, 1, 0, 3, 16, 0, 9, 0, 16, 1, 6, 2, 16,
		0, 10, 5, 16, 1}, byte(0))
	f.Add([]byte{16, 0, 0, 80, 16, 0, 2, 7, 8, 0, 16, 1, 12, 0, 9, 0, 16, 0, 13, 0, 16, 1}, byte(3))
	f.Add([]byte{0, 80, 0, 80, 15, 2, 16, 0, 14, 140, 16, 1, 0, 9, 16, 0, 15, 1, 16, 1, 7, 0, 16, 0},
		byte(0))
	f.Add([]byte{0, 80, 0, 80, 0, 80, 5, 1, 9, 0, 2, 7, 2, 7, 10, 3, 5, 251, 9, 0, 0, 2, 10, 4},
		byte(8))
	f.Add([]byte{0, 80, 0, 80, 14, 140, 0, 9, 14, 8, 0, 80, 9, 0, 7, 0, 14, 200, 8, 0, 6, 3, 10, 4},
		byte(0))
	f.Add([]byte{0, 80, 0, 80, 15, 2, 0, 9, 15, 0, 0, 80, 2, 4, 7, 0, 15, 1, 8, 0, 6, 3, 10, 4, 15, 0,
		7, 0}, byte(4))
	f.Add([]byte{0, 80, 15, 3, 5, 254, 15, 2, 2, 5, 7, 0, 14, 30, 15, 1, 12, 0, 10, 3}, byte(10))
	f.Add([]byte{1, 83, 1, 83, 5, 250, 15, 7, 2, 6, 7, 0, 5, 250, 15, 2, 8, 0, 2, 7, 5, 250, 15, 0, 0,
		80, 10, 4}, byte(0))
	f.Fuzz(func(t *testing.T, ops []byte, kind byte) {
		if len(ops) > 200 {
			return
		}
		r := newModelRun(t, ops, kind)
		r.create()
		for len(r.ops) > 0 {
			r.step()
			r.compare()
		}
		r.close()
		_, err := Verify(nil, crashDir, r.options()...)
		require.NoError(t, err, "%v", r.log)
	})
}
