package main

import (
	"errors"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftwal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

func raftWAL() contender {
	return contender{
		name: nameRaftWAL,
		about: "StoreLogs under the caller's lock; it has no option for no sync, so its files are " +
			"wrapped in ones whose Sync does nothing; " +
			"read with GetLog, which verifies no checksum",
		module:     "github.com/hashicorp/raft-wal",
		open:       openRaftWAL,
		replay:     replayRaftWAL,
		openReader: readRaftWAL,
	}
}

func openRaftWAL(dir string, c config) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files := fs.New()
	if c.noSync {
		return raftStore(dir, c, unsyncedVFS{files})
	}
	return raftStore(dir, c, files)
}

func raftStore(dir string, c config, files types.VFS) (*store, error) {
	w, stop, err := raftLogIn(dir, c.segment, files)
	if err != nil {
		return nil, err
	}
	stream := func(visit func(data []byte) bool) error {
		return eachRaftLog(w, func(e *raft.Log) bool { return visit(e.Data) })
	}
	return &store{writer: raftWriter(w, c), stream: stream, close: stop}, nil
}

// raftLogIn opens the log in dir. Close of the log leaves the meta store open and locked that the
// log has created itself, so the next open would wait for ever. A meta store that is passed to it
// can be closed.
func raftLogIn(
	dir string, segmentSize int64, files types.VFS,
) (w *raftwal.WAL, stop func() error, err error) {
	meta := &metadb.BoltMetaDB{}
	w, err = raftwal.Open(dir,
		raftwal.WithLogger(hclog.NewNullLogger()),
		raftwal.WithSegmentSize(int(segmentSize)),
		raftwal.WithSegmentFiler(segment.NewFiler(dir, files)),
		raftwal.WithMetaStore(meta))
	if err != nil {
		return nil, nil, closing(err, meta)
	}
	return w, func() error { return closing(w.Close(), meta) }, nil
}

// raftWriter returns what creates writers for a log of hashicorp/raft.
func raftWriter(l raft.LogStore, c config) func() func() error {
	var seq sequence
	payload := c.data()
	return func() func() error {
		logs := make([]*raft.Log, c.batch)
		for i := range logs {
			logs[i] = &raft.Log{Term: 1, Data: payload}
		}
		return func() error {
			seq.Lock()
			defer seq.Unlock()
			for _, e := range logs {
				e.Index = seq.next()
			}
			return l.StoreLogs(logs)
		}
	}
}

func replayRaftWAL(dir string, keep bool) (tally, error) {
	w, stop, err := raftLogIn(dir, defaultSegment, fs.New())
	if err != nil {
		return tally{}, err
	}
	t, err := replayRaftLog(w, keep)
	return t, errors.Join(err, stop())
}

func readRaftWAL(dir string) (*reader, error) {
	w, stop, err := raftLogIn(dir, defaultSegment, fs.New())
	if err != nil {
		return nil, err
	}
	return &reader{read: raftRead(w), close: stop}, nil
}

// raftRead returns a function that reads single entries of a log of hashicorp/raft.
func raftRead(l raft.LogStore) func(index uint64) ([]byte, error) {
	return func(index uint64) ([]byte, error) {
		var e raft.Log
		err := l.GetLog(index, &e)
		return e.Data, err
	}
}

// replayRaftLog reads all entries of a log of hashicorp/raft.
func replayRaftLog(l raft.LogStore, keep bool) (tally, error) {
	g := gathering[*raft.Log]{keep: keep}
	err := eachRaftLog(l, func(e *raft.Log) bool {
		g.add(e, len(e.Data))
		return true
	})
	return g.tally, err
}

// eachRaftLog reads the entries one by one, by index, until visit returns false.
func eachRaftLog(l raft.LogStore, visit func(*raft.Log) bool) error {
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	last, err := l.LastIndex()
	if err != nil {
		return err
	}
	for i := first; i <= last; i++ {
		var e raft.Log
		if err := l.GetLog(i, &e); err != nil {
			return err
		}
		if !visit(&e) {
			break
		}
	}
	return nil
}

// unsyncedVFS is a file system whose files do not sync.
type unsyncedVFS struct{ types.VFS }

func (v unsyncedVFS) Create(dir, name string, size uint64) (types.WritableFile, error) {
	f, err := v.VFS.Create(dir, name, size)
	return unsyncedFile{f}, err
}

func (v unsyncedVFS) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := v.VFS.OpenWriter(dir, name)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ types.WritableFile }

func (unsyncedFile) Sync() error { return nil }
