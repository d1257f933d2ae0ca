package wal

import (
	"bytes"
	"maps"
	"sync"
	"time"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// syncedFS is a memFS that keeps what would be there if the power failed and
// nothing survived but what was synced: the worst that a disk may do that keeps its word.
type syncedFS struct {
	*memFS
	delay time.Duration // of every sync, so that saves gather

	keeping sync.Mutex
	nodes   map[*memInode][]byte // as of the last sync of each
	names   map[string]*memInode // as of the last sync of the directory
}

func newSyncedFS(delay time.Duration) *syncedFS {
	return &syncedFS{memFS: newMemFS(nil), delay: delay, nodes: map[*memInode][]byte{}}
}

// stable returns what a power failure would leave now.
func (s *syncedFS) stable() image {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	im := image{}
	for name, node := range s.names {
		im[name] = bytes.Clone(s.nodes[node])
	}
	return im
}

func (s *syncedFS) open(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &syncedFile{f.(*memFile), s}, nil
}

func (s *syncedFS) OpenRead(name string) (vfs.File, error)   { return s.open(s.memFS.OpenRead(name)) }
func (s *syncedFS) OpenLocked(name string) (vfs.File, error) { return s.open(s.memFS.OpenLocked(name)) }
func (s *syncedFS) CreateLocked(name string) (vfs.File, error) {
	return s.open(s.memFS.CreateLocked(name))
}
func (s *syncedFS) CreateNew(name string) (vfs.File, error) { return s.open(s.memFS.CreateNew(name)) }

// SyncDir keeps the names that there are when it begins.
func (s *syncedFS) SyncDir(dir string) error {
	if dir != memDir {
		return nil // its parent
	}
	s.mu.Lock()
	names := maps.Clone(s.files)
	s.mu.Unlock()
	time.Sleep(s.delay)
	s.keeping.Lock()
	defer s.keeping.Unlock()
	s.names = names
	return nil
}

type syncedFile struct {
	*memFile
	disk *syncedFS
}

// Sync keeps the bytes that are there when it begins.
func (f *syncedFile) Sync() error {
	f.disk.mu.Lock()
	data := bytes.Clone(f.node.data)
	f.disk.mu.Unlock()
	time.Sleep(f.disk.delay)
	f.disk.keeping.Lock()
	defer f.disk.keeping.Unlock()
	f.disk.nodes[f.node] = data
	return nil
}

func (f *syncedFile) Datasync() error { return f.Sync() }
