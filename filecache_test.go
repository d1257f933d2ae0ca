package wal

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// countingFS counts the files that are open for reading.
type countingFS struct {
	vfs.FS
	mu         sync.Mutex
	open, most int
	opened     int
}

// countedFile is a file that tells when it is closed.
type countedFile struct {
	vfs.File
	fs *countingFS
}

func (c *countingFS) OpenDir(name string) (vfs.Dir, error) {
	return faultfs.Wrap(c.FS, func(d vfs.Dir) vfs.Dir { return countingDir{d, c} }).OpenDir(name)
}

// countingDir is a directory of a countingFS.
type countingDir struct {
	vfs.Dir
	*countingFS
}

func (c countingDir) OpenRead(name string) (vfs.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := c.Dir.OpenRead(name)
	if err != nil {
		return nil, err
	}
	c.open++
	c.opened++
	c.most = max(c.most, c.open)
	return &countedFile{f, c.countingFS}, nil
}

func (f *countedFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.open--
	return f.File.Close()
}

// counts returns how many files are open, and how many were opened and open at most since the last
// call.
func (c *countingFS) counts() (open, most, opened int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open, most, opened = c.open, c.most, c.opened
	c.most, c.opened = c.open, 0
	return open, most, opened
}

func TestOpenFiles_AreLimitedHoweverManyReadersThereAre(t *testing.T) {
	for _, limit := range []int{1, 2, 5, 64} {
		fsys := &countingFS{FS: vfs.OS{}}
		w, _ := newLog(t, withFS(fsys), WithMaxOpenFiles(limit), WithNoSync())
		fillSegments(t, w, 10)
		last := w.LastIndex()
		var wg sync.WaitGroup
		for g := range 6 {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(g), uint64(limit)))
				for range 300 {
					i := 1 + rnd.Uint64N(last)
					got, err := w.Entry(i)
					if assert.NoError(t, err) {
						assert.Equal(t, entries(i, i)[0], got)
					}
				}
				next := uint64(1)
				for ent, err := range w.Entries(1, last+1) {
					assert.NoError(t, err)
					assert.Equal(t, next, ent.GetIndex())
					next++
				}
			})
		}
		wg.Wait()
		open, most, opened := fsys.counts()
		require.LessOrEqual(t, most, limit)
		require.LessOrEqual(t, open, limit)
		if limit > 11 {
			require.Less(t, opened, 6*11+1, "a segment is opened about once")
		}
		require.NoError(t, w.Close())
		open, _, _ = fsys.counts()
		require.Zero(t, open, "all are closed")
	}
}

// With one file at most, iterations within iterations still go on: none holds it while another
// reads.
func TestOpenFiles_IterationsWithinIterationsShareOne(t *testing.T) {
	fsys := &countingFS{FS: vfs.OS{}}
	w, _ := newLog(t, withFS(fsys), WithMaxOpenFiles(1))
	fillSegments(t, w, 3)
	last := w.LastIndex()
	n := 0
	for outer, err := range w.Entries(1, last+1) {
		require.NoError(t, err)
		for inner, err := range w.Entries(outer.GetIndex(), outer.GetIndex()+1) {
			require.NoError(t, err)
			require.Equal(t, outer, inner)
			got, err := w.Entry(last)
			require.NoError(t, err)
			require.Equal(t, last, got.GetIndex())
			n++
		}
	}
	require.EqualValues(t, last, n)
	_, most, _ := fsys.counts()
	require.Equal(t, 1, most)
}

func TestOpenFiles_AFailedOpenTakesNoPlace(t *testing.T) {
	fsys := faultfs.New()
	w, _ := newLog(t, withFS(fsys), WithMaxOpenFiles(1))
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	full := errors.New("too many open files")
	for range 3 {
		fsys.Fail(func(o faultfs.Call) (int, error) {
			if o.Kind == faultfs.OpenRead {
				return 0, full
			}
			return 0, nil
		})
		_, err := w.Entry(2)
		require.ErrorIs(t, err, full)
	}
	fsys.Fail(nil)
	_, err := w.Entry(2)
	require.NoError(t, err)
}

func TestOpenFiles_PurgeClosesThoseOfWhatItRemoves(t *testing.T) {
	fsys := &countingFS{FS: vfs.OS{}}
	w, _ := newLog(t, withFS(fsys))
	fillSegments(t, w, 5)
	for i := uint64(1); i <= w.LastIndex(); i++ {
		_, err := w.Entry(i)
		require.NoError(t, err)
	}
	open, _, _ := fsys.counts()
	require.Equal(t, 6, open)
	purgeAll(t, w)
	open, _, _ = fsys.counts()
	require.Equal(t, 1, open)
}

func TestOpenFiles_TheLimitHasAMinimum(t *testing.T) {
	for _, n := range []int{0, -1} {
		_, err := Create(nil, t.TempDir(), nil, WithMaxOpenFiles(n))
		require.ErrorIs(t, err, ErrInvalidArgument)
	}
}
