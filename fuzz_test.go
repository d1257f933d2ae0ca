package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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
		w, err := Create(nil, memDir, []byte("m"), append(opts, withFS(m), WithSegmentSize(1024), WithPreallocation(PreallocateNone))...)
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
			d := decoder{win: window{f: &strictFile{t: t, data: body}, name: "fuzz", size: size}, seq: seq, exact: exact}
			for off := int64(0); ; off = d.off {
				fr, err := d.next()
				if err != nil {
					_, bad := asBadFrame(err)
					require.True(t, bad || err == io.EOF, "%v", err)
					break
				}
				require.Equal(t, off+fr.size, d.off)
				require.LessOrEqual(t, d.off, size)
				require.Zero(t, d.off%wordSize)
				require.LessOrEqual(t, int64(len(fr.data)), fr.size)
			}
			require.LessOrEqual(t, int64(cap(d.win.buf)), size)
		}
		s := &scan{name: segmentName{seq: seq}, last: true, entries: newEntryReader(log.DefaultRegistry(), false)}
		s.run(&strictFile{t: t, data: body}, nil)
		if s.err != nil {
			require.True(t, errors.Is(s.err, ErrCorrupt) || errors.Is(s.err, ErrDecode), "%v", s.err)
			return
		}
		end := s.end
		require.True(t, 0 < end.off && end.synced < end.off && end.off <= max(end.dirty, end.off) && end.off <= size && end.dirty <= size+wordSize, "%+v", end)
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
	w, err := Create(nil, memDir, []byte("meta"), withFS(m), WithSegmentSize(512), WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	rl := &recoverLog{}
	before := 0
	note := func(segs int) {
		if segs != len(w.segments) {
			size, err := w.segments[segs-1].file.Size()
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
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: i}, []log.LogEntry{entry(1, i+1, "data"), entry(1, i+2, string(make([]byte, i*20)))}))
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

// modelLog is what a log must hold, in plain memory.
type modelLog struct {
	ents  map[uint64]string
	last  uint64
	floor uint64 // entries up to here may be gone
	st    walpb.HardState
	snap  walpb.Snapshot
}

func (m *modelLog) put(i uint64, data string) {
	m.drop(i - 1)
	m.ents[i], m.last = data, i
}

// drop forgets the entries above i.
func (m *modelLog) drop(i uint64) {
	for ; m.last > i; m.last-- {
		delete(m.ents, m.last)
	}
	m.last = min(m.last, i)
	m.floor = min(m.floor, m.last)
}

// modelRun is a log and its model under random operations.
type modelRun struct {
	t    *testing.T
	fs   *memFS
	w    *WAL
	m    modelLog
	etcd bool
	ops  []byte
	log  []string
}

func (r *modelRun) byte() byte {
	if len(r.ops) == 0 {
		return 0
	}
	b := r.ops[0]
	r.ops = r.ops[1:]
	return b
}

func (r *modelRun) opts() []Option {
	opts := []Option{withFS(r.fs), WithSegmentSize(512), WithPreallocation(PreallocateReserve)}
	if r.etcd {
		opts = append(opts, WithEtcdFormat())
	}
	return opts
}

func (r *modelRun) reopen(snap log.Snapshot) {
	w, err := Open(nil, memDir, snap, r.opts()...)
	require.NoError(r.t, err, "%v", r.log)
	r.w = w
}

// step does one operation on both.
func (r *modelRun) step() {
	op, arg := r.byte()%10, uint64(r.byte())
	r.log = append(r.log, fmt.Sprintf("%d(%d)", op, arg))
	m, w := &r.m, r.w
	switch op {
	case 0, 1, 2: // entries behind the last one, or over earlier ones
		first := m.last + 1
		if op == 2 {
			first -= min(arg%8, first-1)
		}
		var ents []log.LogEntry
		for i := range arg%4 + 1 {
			ents = append(ents, entry(1, first+i, string(make([]byte, arg))+fmt.Sprint(len(r.ops), i)))
		}
		st := &walpb.HardState{Term: 1 + arg, Commit: uint64(len(r.ops))}
		require.NoError(r.t, w.Save(st, ents), "%v", r.log)
		for _, e := range ents {
			m.put(e.GetIndex(), string(e.(*walpb.Entry).Data))
		}
		m.st = *st
	case 3:
		require.ErrorIs(r.t, w.SaveEntry(entries(m.last+2+arg, m.last+2+arg)), ErrIndexGap)
	case 4:
		m.st = walpb.HardState{Term: 5, Vote: arg + 1}
		require.NoError(r.t, w.SaveState(&walpb.HardState{Term: 5, Vote: arg + 1}))
	case 5:
		r.snapshot(m.last + arg/250 - min(arg%8, m.last))
	case 6:
		if r.etcd {
			require.ErrorIs(r.t, w.TruncateBack(0), errors.ErrUnsupported)
			return
		}
		to := m.last - min(arg%8, m.last)
		require.NoError(r.t, w.TruncateBack(to))
		m.drop(to)
	case 7:
		require.NoError(r.t, w.Close())
		r.reopen(nil)
	case 8: // the process dies
		r.w.pipeline.close()
		r.fs = newMemFS(r.fs.image())
		r.reopen(nil)
	case 9:
		require.NoError(r.t, w.Release(&m.snap), "%v", r.log)
		_, err := w.Purge()
		require.NoError(r.t, err)
		m.floor = max(m.floor, min(m.snap.Index, m.last))
	}
}

func (r *modelRun) snapshot(i uint64) {
	r.m.snap = walpb.Snapshot{Index: i, Term: 1}
	require.NoError(r.t, r.w.SaveSnap(&walpb.Snapshot{Index: i, Term: 1}))
	if i > r.m.last { // the log jumps
		clear(r.m.ents)
		r.m.last, r.m.floor = i, i
	}
}

// compare makes sure that the log holds what the model says.
func (r *modelRun) compare() {
	m, w := &r.m, r.w
	require.Equal(r.t, m.last, w.LastIndex(), "%v", r.log)
	require.Equal(r.t, &m.st, w.State(), "%v", r.log)
	require.LessOrEqual(r.t, w.FirstIndex(), m.floor+1, "%v", r.log)
	i := w.FirstIndex()
	for e, err := range w.Entries(i, m.last+1) {
		require.NoError(r.t, err, "%v", r.log)
		require.Equal(r.t, i, e.GetIndex(), "%v", r.log)
		if want, ok := m.ents[i]; ok || i > m.floor {
			require.Equal(r.t, want, string(e.(*walpb.Entry).Data), "entry %d, %v", i, r.log)
		}
		i++
	}
	require.Equal(r.t, m.last+1, i, "%v", r.log)
}

// FuzzModel: a log under random operations, with closes, deaths and reopens among
// them, holds what a plain model of it says.
func FuzzModel(f *testing.F) {
	f.Add([]byte{0, 0, 3, 1, 9, 2, 3, 4, 7, 7, 0, 1, 60, 2, 5, 7, 0}, false)
	f.Add([]byte{0, 0, 60, 1, 90, 1, 90, 1, 90, 5, 2, 9, 0, 8, 0, 2, 7, 7, 0, 9, 0}, false)
	f.Add([]byte{0, 0, 60, 6, 3, 6, 1, 8, 0, 0, 9, 5, 255, 0, 1, 8, 0, 9, 0, 7, 0}, false)
	f.Add([]byte{1, 0, 60, 6, 3, 2, 7, 8, 0, 0, 200, 5, 2, 0, 200, 9, 0, 7, 0, 8, 0}, true)
	f.Fuzz(func(t *testing.T, ops []byte, etcd bool) {
		if len(ops) > 200 {
			return
		}
		r := &modelRun{t: t, fs: newMemFS(nil), etcd: etcd, ops: ops, m: modelLog{ents: map[uint64]string{}}}
		w, err := Create(nil, memDir, []byte("m"), r.opts()...)
		require.NoError(t, err)
		r.w = w
		for len(r.ops) > 0 {
			r.step()
			r.compare()
		}
		require.NoError(t, r.w.Close())
		_, err = Verify(nil, memDir, r.opts()...)
		require.NoError(t, err)
	})
}
