package main

import (
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
		name:   "raft-wal",
		about:  "StoreLogs under the caller's lock; it has no option for no sync, so its files are wrapped in ones whose Sync does nothing",
		module: "github.com/hashicorp/raft-wal",
		open:   openRaftWAL,
		replay: replayRaftWAL,
	}
}

func openRaftWAL(dir string, c config) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	filer := segment.NewFiler(dir, fs.New())
	if c.noSync {
		filer = segment.NewFiler(dir, unsyncedVFS{fs.New()})
	}
	meta := &metadb.BoltMetaDB{}
	w, err := raftwal.Open(dir,
		raftwal.WithLogger(hclog.NewNullLogger()),
		raftwal.WithSegmentSize(int(c.segment)),
		raftwal.WithSegmentFiler(filer),
		raftwal.WithMetaStore(meta))
	if err != nil {
		return nil, closing(err, meta)
	}
	// Its Close leaves its own meta store open and locked, so the next open would
	// wait for ever; one that is handed in can be closed.
	return &store{writer: raftWriter(w, c), close: func() error { return closing(w.Close(), meta) }}, nil
}

// raftWriter makes writers for a log that is one of hashicorp/raft's.
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
	meta := &metadb.BoltMetaDB{}
	w, err := raftwal.Open(dir, raftwal.WithLogger(hclog.NewNullLogger()), raftwal.WithMetaStore(meta))
	if err != nil {
		return tally{}, closing(err, meta)
	}
	t, err := replayRaftLog(w, keep)
	return t, closing(closing(err, w), meta)
}

// replayRaftLog reads a log that is one of hashicorp/raft's, which reads by index.
func replayRaftLog(l raft.LogStore, keep bool) (tally, error) {
	g := gathering[*raft.Log]{keep: keep}
	first, err := l.FirstIndex()
	if err != nil {
		return g.tally, err
	}
	last, err := l.LastIndex()
	if err != nil {
		return g.tally, err
	}
	for i := first; i <= last; i++ {
		var e raft.Log
		if err := l.GetLog(i, &e); err != nil {
			return g.tally, err
		}
		g.add(&e, len(e.Data))
	}
	return g.tally, nil
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
