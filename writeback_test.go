package wal

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// hintFS notes what the device is told to take early, by file.
type hintFS struct {
	vfs.FS
	mu   sync.Mutex
	told [][2]int64 // from and to
}

func (h *hintFS) OpenDir(name string) (vfs.Dir, error) {
	return faultfs.Wrap(h.FS, func(d vfs.Dir) vfs.Dir { return hintDir{d, h} }).OpenDir(name)
}

type hintDir struct {
	vfs.Dir
	fs *hintFS
}

func (h hintDir) CreateLocked(name string) (vfs.File, error) {
	f, err := h.Dir.CreateLocked(name)
	return &hintFile{f, h.fs}, err
}

type hintFile struct {
	vfs.File
	fs *hintFS
}

func (f *hintFile) WriteBack(off, n int64) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.told = append(f.fs.told, [2]int64{off, off + n})
	f.File.WriteBack(off, n)
}

// In each segment every whole step is written back once, as soon as it is complete, however large
// the saves are; but for the save that begins the segment, which is synced, as all is without
// WithNoSync.
func TestWriteBack_WhatIsNotSyncedIsWrittenBackStepByStep(t *testing.T) {
	const segment = 6 * writeBackStep
	sizes := map[string]int{"small": 10 << 10, "larger than a step": 5 * writeBackStep / 2}
	for name, size := range sizes {
		t.Run(name, func(t *testing.T) {
			fsys := &hintFS{FS: vfs.OS{}}
			w, err := Create(nil, t.TempDir(), nil, withFS(fsys), WithNoSync(), WithSegmentSize(segment))
			require.NoError(t, err)
			data, reached, segments := make([]byte, size), int64(0), 1
			for i := uint64(1); segments < 3; i++ {
				require.NoError(t, w.SaveEntry([]log.LogEntry{&walpb.Entry{Index: i, Data: data}}))
				complete := tailOf(w).off / writeBackStep * writeBackStep
				if segments < len(w.segments) {
					segments, reached = len(w.segments), complete
					require.Empty(t, fsys.told)
				}
				for _, told := range fsys.told {
					require.Equal(t, reached, told[0])
					reached = told[1]
				}
				require.Equal(t, complete, reached)
				fsys.told = nil
			}
			require.NoError(t, w.Close())
		})
	}
	t.Run("not with syncs", func(t *testing.T) {
		fsys := &hintFS{FS: vfs.OS{}}
		w, err := Create(nil, t.TempDir(), nil, withFS(fsys), WithSegmentSize(segment))
		require.NoError(t, err)
		for i := range uint64(10) {
			require.NoError(t, w.SaveEntry([]log.LogEntry{&walpb.Entry{Index: i + 1,
				Data: make([]byte, writeBackStep)}}))
		}
		require.Empty(t, fsys.told)
		require.NoError(t, w.Close())
	})
}
