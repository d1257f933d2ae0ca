package snap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft/snap"
)

// open opens the snapshots in a directory.
func open(t testing.TB, dir string, opts ...wal.Option) *snap.Dir {
	t.Helper()
	d, err := snap.Open(dir, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// meta is one with members.
func meta(index, term uint64) snap.Meta {
	members := &raftpb.ConfState{Voters: []uint64{1, 2, index}}
	return snap.Meta{Index: index, Term: term, ConfState: members}
}

// text writes a snapshot's data.
func text(data string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, data)
		return err
	}
}

// data reads a snapshot to its end.
func data(t testing.TB, d *snap.Dir, index, term uint64) string {
	t.Helper()
	r, err := d.Open(index, term)
	require.NoError(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 2, index}, r.Meta().ConfState.GetVoters())
	return string(b)
}

// names are those of the files in a directory.
func names(t testing.TB, dir string) (all []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		all = append(all, f.Name())
	}
	return all
}

func TestCreate_WhatWasWrittenIsRead(t *testing.T) {
	const chunk = 256 << 10
	d := open(t, filepath.Join(t.TempDir(), "made", "snap"))
	i := uint64(0)
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 7} {
		want := strings.Repeat("0123456789abcdef!", size/17+1)[:size]
		for name, write := range map[string]func(io.Writer) error{
			"at once": text(want),
			"in pieces": func(w io.Writer) error {
				_, err := io.CopyBuffer(w, iotest.OneByteReader(strings.NewReader(want)), make([]byte, 999))
				return err
			},
		} {
			i++
			require.NoError(t, d.Create(meta(i, 7), write), name)
			require.Equal(t, want, data(t, d, i, 7), name)
			require.NoError(t, d.Has(i, 7))
			m, err := d.Verify(i, 7)
			require.NoError(t, err)
			require.EqualValues(t, i, m.Index)
			r, err := d.Open(i, 7)
			require.NoError(t, err)
			require.NoError(t, iotest.TestReader(r, []byte(want)), name)
			require.Greater(t, r.Size(), int64(size))
			require.NoError(t, r.Close())
		}
	}
}

func TestCreate_AFailedOneLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	require.NoError(t, d.Create(meta(5, 1), text("five")))
	before := names(t, dir)
	bad := errors.New("bad")
	require.ErrorIs(t, d.Create(meta(6, 1), func(w io.Writer) error {
		_ = text(strings.Repeat("x", 1<<20))(w)
		return bad
	}), bad)
	require.Equal(t, before, names(t, dir))
	require.Panics(t, func() { _ = d.Create(meta(6, 1), func(io.Writer) error { panic("bad") }) })
	require.Equal(t, before, names(t, dir))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.Create(meta(5, 1), func(io.Writer) error { runtime.Goexit(); return nil })
	}()
	<-ended
	require.Equal(t, before, names(t, dir))
	require.Equal(t, "five", data(t, d, 5, 1))
	require.Error(t, d.Create(snap.Meta{Index: 7, ConfState: &raftpb.ConfState{
		Voters: make([]uint64, 300<<10), // more than a chunk
	}}, text("x")))
	require.Equal(t, before, names(t, dir))
	_, err := d.Open(6, 1)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, d.Has(6, 1), fs.ErrNotExist)
}

// What keeps the writer beyond its time harms nothing.
func TestCreate_AWriterThatIsUsedLaterHarmsNothing(t *testing.T) {
	d := open(t, t.TempDir())
	var kept io.Writer
	require.NoError(t, d.Create(meta(5, 1), func(w io.Writer) error {
		kept = w
		return text("five")(w)
	}))
	_, err := kept.Write(make([]byte, 1<<20))
	require.Error(t, err)
	require.Equal(t, "five", data(t, d, 5, 1))
}

func TestCreate_TheSameOneSeveralTimesAtOnce(t *testing.T) {
	d := open(t, t.TempDir())
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for range 10 {
				if err := d.Create(meta(5, 1), text(strings.Repeat(fmt.Sprint(g), 1000))); err != nil {
					t.Error(err)
				}
				if err := d.Has(5, 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	got := data(t, d, 5, 1)
	require.Equal(t, strings.Repeat(got[:1], 1000), got)
	require.Len(t, names(t, d.Path()), 1)
}

func TestList_OnlySnapshotsTheNewestFirst(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	for _, m := range []snap.Meta{meta(5, 1), meta(30, 2), meta(30, 3), meta(7, 3)} {
		require.NoError(t, d.Create(m, text("x")))
	}
	for _, other := range []string{
		"notes", "0000000000000001-000000000000000.snapshot",
		"000000000000000A-000000000000000B.snapshot",
		"0000000000000001.snapshot", "-.snapshot", ".snapshot", "0000000000000001-0000000000000063.wal",
		"0000000000000001-0000000000000063.snapshot.old", "+000000000000001-0000000000000063.snapshot",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, other), []byte("x"), 0o600))
	}
	all, err := d.List()
	require.NoError(t, err)
	var got []string
	for _, m := range all {
		got = append(got, fmt.Sprint(m.Index, "/", m.Term))
	}
	require.Equal(t, []string{"30/3", "30/2", "7/3", "5/1"}, got)
	count := len(names(t, dir))
	require.NoError(t, d.Purge(30))
	require.Len(t, names(t, dir), count-2)
	require.NoError(t, d.Purge(1<<63))
	require.Len(t, names(t, dir), count-4, "what is no snapshot stays")
	_, err = d.Newest()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestNewest_PassesOverWhatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	for i := uint64(1); i <= 3; i++ {
		require.NoError(t, d.Create(meta(i, 1), text("data")))
	}
	newest := filepath.Join(dir, names(t, dir)[2])
	b, err := os.ReadFile(newest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(newest, b[:len(b)-1], 0o600))
	m, err := d.Newest()
	require.NoError(t, err)
	require.EqualValues(t, 2, m.Index)
	_, err = d.Verify(3, 1)
	require.ErrorIs(t, err, snap.ErrCorrupt)
	require.ErrorContains(t, err, dir)
}

func TestOpen_RemovesWhatWasLeftAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "3.snapshot.tmp"), []byte("half"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.tmp"), []byte("mine"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "1.snapshot.tmp"), 0o700))
	d := open(t, dir)
	require.Equal(t, []string{"1.snapshot.tmp", "notes.tmp"}, names(t, dir))
	require.NoError(t, d.Create(meta(1, 1), text("another name is taken")))
	require.NoError(t, d.Create(meta(2, 1), text("x")))
}

func TestOpen_RefusesWhatIsNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := snap.Open(file)
	require.Error(t, err)
	_, err = snap.Open("x", wal.WithSegmentSize(1))
	require.ErrorIs(t, err, wal.ErrInvalidArgument)
	d := open(t, t.TempDir())
	require.NoError(t, d.Close())
	require.ErrorIs(t, d.Create(meta(1, 1), text("x")), fs.ErrClosed)
	_, err = d.Open(1, 1)
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = d.Newest()
	require.ErrorIs(t, err, fs.ErrClosed)
}

func TestOpen_InMemory(t *testing.T) {
	m := wal.NewMemory()
	d := open(t, "/a/b", wal.WithMemory(m))
	require.NoError(t, d.Create(meta(1, 1), text("x")))
	require.NoError(t, d.Close())
	require.Equal(t, "x", data(t, open(t, "/a/b", wal.WithMemory(m)), 1, 1))
}

func TestSend_IsTakenByPutAsItIs(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	want := strings.Repeat("state", 200_000)
	require.NoError(t, from.Create(meta(9, 4), text(want)))
	r, w := io.Pipe()
	go func() { w.CloseWithError(from.Send(w, 9, 4)) }()
	m, err := to.Put(r)
	require.NoError(t, err)
	require.EqualValues(t, 9, m.Index)
	require.EqualValues(t, 4, m.Term)
	require.Equal(t, want, data(t, to, 9, 4))
	require.NoError(t, to.Has(9, 4))

	require.ErrorIs(t, from.Send(io.Discard, 10, 4), fs.ErrNotExist)
	broken := errors.New("broken pipe")
	gone, out := io.Pipe()
	gone.CloseWithError(broken)
	require.ErrorIs(t, from.Send(out, 9, 4), broken)
}

func TestPut_LeavesNoTraceOfABrokenStream(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	require.NoError(t, from.Create(meta(9, 4), text("the state of the machine")))
	var sent bytes.Buffer
	require.NoError(t, from.Send(&sent, 9, 4))
	for n := range sent.Len() {
		_, err := to.Put(bytes.NewReader(sent.Bytes()[:n]))
		require.ErrorIs(t, err, snap.ErrCorrupt, "cut after %d bytes", n)
	}
	broken := errors.New("broken pipe")
	_, err := to.Put(io.MultiReader(bytes.NewReader(sent.Bytes()[:50]), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Empty(t, names(t, to.Path()))
}

// pattern is an endless stream whose bytes say where they stand.
type pattern struct{ at int }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte((p.at + i) * 131 >> 7)
	}
	p.at += len(b)
	return len(b), nil
}

// A snapshot is made, sent and received without holding more of it in memory than a few chunks.
func TestSend_HoldsLittleInMemory(t *testing.T) {
	const size = 64 << 20
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, from.Create(meta(9, 4), func(w io.Writer) error {
		_, err := io.CopyN(w, &pattern{}, size)
		return err
	}))
	r, w := io.Pipe()
	go func() { w.CloseWithError(from.Send(w, 9, 4)) }()
	_, err := to.Put(r)
	require.NoError(t, err)
	got, err := to.Open(9, 4)
	require.NoError(t, err)
	defer got.Close()
	want, buf, other := &pattern{}, make([]byte, 64<<10), make([]byte, 64<<10)
	for n := 0; n < size; n += len(buf) {
		_, err := io.ReadFull(got, buf)
		require.NoError(t, err)
		_, _ = want.Read(other)
		require.True(t, bytes.Equal(other, buf), "at %d", n)
	}
	_, err = got.Read(buf)
	require.ErrorIs(t, err, io.EOF)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(6<<20))
}
