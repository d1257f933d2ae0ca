package wal

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Directories, files and metadata that are not as they should be. Each gets a clear
// error or does not matter; nothing is lost, and what cannot be read is left as it is.

// strayLog is a closed log of four segments whose metadata is "stray".
func strayLog(t *testing.T, opts ...Option) (dir string, want []log.LogEntry) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "log")
	w, err := Create(nil, dir, []byte("stray"),
		append([]Option{WithSegmentSize(testSegment)}, opts...)...)
	require.NoError(t, err)
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: 1}))
	fillSegments(t, w, 3)
	want = entries(1, w.LastIndex())
	require.NoError(t, w.Close())
	require.Len(t, segmentsOf(t, dir), 4)
	return dir, want
}

// eachOpener calls every function that opens a log.
func eachOpener(dir string, f func(name string, err error)) {
	for name, open := range map[string]func() error{
		"Open": func() error {
			w, err := Open(nil, dir, nil, WithSegmentSize(testSegment))
			if err == nil {
				err = w.Close()
			}
			return err
		},
		"OpenForRead":    func() error { _, err := OpenForRead(nil, dir, nil); return err },
		"Verify":         func() error { _, err := Verify(nil, dir); return err },
		"Repair":         func() error { _, err := Repair(nil, dir); return err },
		"ValidSnapshots": func() error { _, err := ValidSnapshots(nil, dir); return err },
	} {
		f(name, open())
	}
}

// tree is every file below a directory and what kind it is, with the content of regular ones.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		out[path] = d.Type().String()
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			out[path] += string(data)
			return err
		}
		return nil
	}))
	return out
}

// requireRefused makes sure that every open of the log is an error, and that nothing on disk
// changes.
func requireRefused(t *testing.T, dir, what string) {
	t.Helper()
	before := tree(t, dir)
	within(t, what, func() {
		eachOpener(dir, func(name string, err error) {
			require.Error(t, err, "%s: %s", what, name)
			require.NotContains(t, err.Error(), "panic", "%s: %s", what, name)
		})
	})
	require.Equal(t, before, tree(t, dir), what)
}

func TestBadInput_OtherFilesInTheDirectoryAreLeftAlone(t *testing.T) {
	dir, want := strayLog(t)
	last := filepath.Base(segmentsOf(t, dir)[3])
	content, err := os.ReadFile(segmentsOf(t, dir)[3])
	require.NoError(t, err)
	for _, name := range []string{
		last + ".broken", last + ".tmp", last + "~", "." + last, "x" + last, last[1:], last[:len(last)-1],
		strings.ToUpper(last), strings.ReplaceAll(last, "-", "_"), "0" + last,
		"000000000000000A-0000000000000001.wal", "+000000000000004-0000000000000001.wal",
		"0000000000000004-000000000000001.wal", "0000000000000004 -0000000000000001.wal",
		"0000000000000004-.wal", "-.wal", ".wal", "4.tmp.keep", "x.tmp", "-1.tmp",
		"0000000000000004-0000000000000001.wal.gz",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600), name)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a directory"), 0o700))
	before := tree(t, dir)
	eachOpener(dir, func(name string, err error) { require.NoError(t, err, name) })
	require.Equal(t, want, readAll(t, dir, nil))
	require.Equal(t, before, tree(t, dir), "a closed log is not changed by opening and closing it")
}

func TestBadInput_WhatIsNamedLikeASegmentButIsNotOne(t *testing.T) {
	next := func(dir string) string { return filepath.Join(dir, segmentName{4, 999}.String()) }
	for name, put := range map[string]func(dir string) error{
		"an empty file": func(dir string) error { return os.WriteFile(next(dir), nil, 0o600) },
		"zeros": func(dir string) error {
			return os.WriteFile(next(dir), make([]byte, 5000), 0o600)
		},
		"a text": func(dir string) error {
			return os.WriteFile(next(dir), []byte("this is no segment"), 0o600)
		},
		"a directory":        func(dir string) error { return os.Mkdir(next(dir), 0o700) },
		"a link to nothing":  func(dir string) error { return os.Symlink("nowhere", next(dir)) },
		"a link to itself":   func(dir string) error { return os.Symlink(next(dir), next(dir)) },
		"a link to a folder": func(dir string) error { return os.Symlink(dir, next(dir)) },
		"far ahead": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, segmentName{1 << 40, 1}.String()), nil, 0o600)
		},
		"the highest number": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, segmentName{^uint64(0), ^uint64(0)}.String()), nil, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, want := strayLog(t)
			if err := put(dir); err != nil {
				t.Skipf("the file system cannot do that: %v", err)
			}
			requireRefused(t, dir, name)
			require.NoError(t, os.Remove(listed(t, dir)[4]))
			require.Equal(t, want, readAll(t, dir, nil), "nothing is lost")
			openLog(t, dir, nil)
		})
	}
}

// listed are all paths in a directory, by name.
func listed(t *testing.T, dir string) []string {
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var paths []string
	for _, f := range list {
		paths = append(paths, filepath.Join(dir, f.Name()))
	}
	return paths
}

func TestBadInput_AnEmptyFileAloneIsNoLog(t *testing.T) {
	for _, name := range []segmentName{{0, 0}, {7, 100}} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name.String()), nil, 0o600))
		requireRefused(t, dir, name.String())
		_, err := Create(nil, dir, nil)
		require.ErrorIs(t, err, fs.ErrExist, "Create does not write over it")
	}
}

func TestBadInput_DirectoriesBehindLinksAndMissingParents(t *testing.T) {
	dir, _ := strayLog(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	require.True(t, Exist(link))
	eachOpener(link, func(name string, err error) { require.NoError(t, err, name) })
	w := openLog(t, link, nil)
	_, err := Open(nil, dir, nil)
	require.ErrorIs(t, err, ErrLocked, "it is the same log")
	fillSegments(t, w, 1)
	want := entries(1, w.LastIndex())
	require.NoError(t, w.Close())
	require.Equal(t, want, readAll(t, dir, nil))

	// A segment that was moved to another disk, with a link in its place.
	first := segmentsOf(t, dir)[0]
	moved := filepath.Join(t.TempDir(), "moved")
	require.NoError(t, os.Rename(first, moved))
	require.NoError(t, os.Symlink(moved, first))
	eachOpener(dir, func(name string, err error) { require.NoError(t, err, name) })
	require.Equal(t, want, readAll(t, dir, nil))

	// Parents are made, through links as well, and a link to nothing is an error.
	deep := filepath.Join(filepath.Dir(link), "a", "b", "c")
	w, err = Create(nil, deep, nil)
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	require.NoError(t, w.Close())
	require.Len(t, readAll(t, deep, nil), 1)
	nowhere := filepath.Join(filepath.Dir(link), "nowhere")
	require.NoError(t, os.Symlink("missing", nowhere))
	for _, bad := range []string{nowhere, filepath.Join(nowhere, "log")} {
		within(t, bad, func() {
			_, err = Create(nil, bad, nil)
			require.Error(t, err)
		})
		require.False(t, Exist(bad))
	}
	require.NoDirExists(t, filepath.Join(filepath.Dir(link), "missing"))
}

func TestBadInput_MetadataOfEverySize(t *testing.T) {
	for _, size := range []int{-1, 0, 1, 7, 8, 100, 440, 441, 442, 443, 444, 445, 446, 447, 448, 449,
		511, 512, 513, 4095, 4096, 4097, 8 << 10, 10 << 20} {
		for _, format := range [][]Option{nil, {WithEtcdFormat()}} {
			t.Run(fmt.Sprintf("%d bytes, %d options", size, len(format)), func(t *testing.T) {
				var metadata []byte
				if size >= 0 {
					metadata = bytes.Repeat([]byte{0xC3}, size)
				}
				dir := filepath.Join(t.TempDir(), "log")
				opts := append([]Option{WithSegmentSize(MinSegmentSize), WithPreallocation(PreallocateNone)},
					format...)
				w, err := Create(nil, dir, metadata, opts...)
				require.NoError(t, err)
				require.NoError(t, w.Save(&walpb.HardState{Term: 4}, entries(1, 2)))
				crash(w)
				w, err = Open(nil, dir, nil, opts...)
				require.NoError(t, err)
				require.NoError(t, w.SaveEntry(entries(3, 12)))
				require.NoError(t, w.SaveEntry(entries(13, 13)))
				require.NoError(t, w.Close())
				w, err = Open(nil, dir, nil, opts...)
				require.NoError(t, err)
				got, st, ents, err := w.ReadAll()
				require.NoError(t, err)
				require.Equal(t, metadata, got)
				require.Equal(t, metadata == nil, got == nil)
				require.Equal(t, &walpb.HardState{Term: 4}, st)
				require.Equal(t, entries(1, 13), ents)
				require.NoError(t, w.Close())
			})
		}
	}
}

// A record of 100 MiB, which is larger than a segment, than the buffer that is
// kept, and than a Size is believed.
func TestBadInput_ARecordOf100MiB(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a gigabyte of memory")
	}
	const size = 100 << 20
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	huge := &walpb.Entry{Index: 2, Data: bytes.Repeat([]byte("0123456789abcdef"), size/16)}
	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, []log.LogEntry{huge, entry(1, 3, "entry 3")}))
	require.NoError(t, w.SaveEntry(entries(4, 4)))
	w = reopen(t, w, nil)
	require.EqualValues(t, 4, w.LastIndex())
	got, err := w.Entry(2)
	require.NoError(t, err)
	require.True(t, bytes.Equal(huge.Data, got.(*walpb.Entry).Data))
	for _, i := range []uint64{1, 3, 4} {
		got, err := w.Entry(i)
		require.NoError(t, err)
		require.Equal(t, entries(i, i)[0], got)
	}
}

// oddSnapshot and oddState have getters that panic. The state embeds nothing: the
// IsEmpty of one that embeds a default state is not asked.
type (
	oddSnapshot struct{ walpb.Snapshot }
	oddState    struct{ st walpb.HardState }
)

func (*oddSnapshot) GetIndex() uint64           { panic("no index") }
func (*oddState) GetCommitted() uint64          { panic("no commit") }
func (*oddState) IsEmpty() bool                 { panic("cannot tell") }
func (s *oddState) Marshal() ([]byte, error)    { return s.st.Marshal() }
func (s *oddState) Unmarshal(data []byte) error { return s.st.Unmarshal(data) }
func (s *oddState) Reset()                      { s.st.Reset() }

func TestBadInput_GettersThatPanicAreErrors(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 1}, entries(1, 3)))
	require.NoError(t, w.SaveSnap(at(1)))
	before := files(t, dir)
	require.ErrorIs(t, w.SaveState(&oddState{}), ErrEncode)
	_, err := w.Append(&oddState{}, entries(4, 4))
	require.ErrorIs(t, err, ErrEncode)
	require.ErrorIs(t, w.SaveSnap(&oddSnapshot{}), ErrEncode)
	require.ErrorIs(t, w.Release(&oddSnapshot{}), ErrInvalidArgument)
	require.Equal(t, before, files(t, dir))
	require.NoError(t, w.SaveEntry(entries(4, 4)), "the log goes on")
	require.NoError(t, w.Close())

	states, snaps := log.NewRegistry(), log.NewRegistry()
	states.Register(log.StateType, &oddState{})
	snaps.Register(log.SnapshotType, &oddSnapshot{})
	_, err = ValidSnapshots(nil, dir, WithRegistry(states))
	require.ErrorIs(t, err, ErrDecode)
	_, err = Open(nil, dir, nil, WithRegistry(snaps))
	require.ErrorIs(t, err, ErrDecode)
	_, err = OpenForRead(nil, dir, nil, WithRegistry(snaps))
	require.ErrorIs(t, err, ErrDecode)
	_, err = Open(nil, dir, &oddSnapshot{})
	require.ErrorIs(t, err, ErrInvalidArgument)
	require.Equal(t, entries(1, 4), readAll(t, dir, nil))
}

// holdEnv is set for a child that holds the log in this directory until its input ends.
const holdEnv = "WAL_TEST_HOLD"

func TestBadInput_TwoProcesses(t *testing.T) {
	if dir := os.Getenv(holdEnv); dir != "" {
		holdLog(dir)
	}
	dir, want := strayLog(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestBadInput_TwoProcesses$")
	cmd.Env = append(os.Environ(), holdEnv+"="+dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Process.Kill()
	held := make([]byte, 5)
	_, err = io.ReadFull(out, held)
	require.NoError(t, err)
	require.Equal(t, "held\n", string(held))
	_, err = Open(nil, dir, nil)
	require.ErrorIs(t, err, ErrLocked)
	_, err = Open(nil, dir, at(0))
	require.ErrorIs(t, err, ErrLocked)
	_, err = Repair(nil, dir, WithTruncateCorruption())
	require.ErrorIs(t, err, ErrLocked)
	_, err = Create(nil, dir, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, append(want, entries(uint64(len(want)+1), uint64(len(want)+1))...),
		readAll(t, dir, nil), "the other's save is seen")
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	w := openLog(t, dir, nil)
	require.EqualValues(t, len(want)+1, w.LastIndex())
}

// holdLog is the other process. It does not return.
func holdLog(dir string) {
	w, err := Open(nil, dir, nil)
	if err == nil {
		next := w.LastIndex() + 1
		err = w.SaveEntry(entries(next, next))
	}
	if err == nil {
		fmt.Println("held")
		io.Copy(io.Discard, os.Stdin)
		err = w.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
