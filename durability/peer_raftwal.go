package main

import (
	"errors"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftwal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

func raftWAL() peer {
	return peer{
		name: "raft-wal", about: "Open and GetLog of every index; closed cleanly; its bbolt file is " +
			"not damaged", module: "github.com/hashicorp/raft-wal", closes: true, needsDir: true,
		create: func(dir string) (writer, error) { return openRaftWAL(dir) }, read: readRaftWAL,
	}
}

type raftLog struct {
	*raftwal.WAL
	meta *metadb.BoltMetaDB
}

func openRaftWAL(dir string) (raftLog, error) {
	// Close of the log leaves the meta store open that the log has created itself. A meta store that
	// is passed to it can be closed.
	l := raftLog{meta: &metadb.BoltMetaDB{}}
	var err error
	l.WAL, err = raftwal.Open(dir, raftwal.WithLogger(hclog.NewNullLogger()),
		raftwal.WithSegmentSize(segmentSize), raftwal.WithMetaStore(l.meta))
	if err != nil {
		l.meta.Close()
	}
	return l, err
}

func (l raftLog) save(batch []entry) error {
	logs := make([]*raft.Log, len(batch))
	for i, e := range batch {
		logs[i] = &raft.Log{Index: e.index, Term: e.term, Data: e.data}
	}
	return l.StoreLogs(logs)
}

func (l raftLog) close() error { return errors.Join(l.WAL.Close(), l.meta.Close()) }

func readRaftWAL(dir string) (got []string, err error) {
	l, err := openRaftWAL(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	first, err := l.FirstIndex()
	if err != nil {
		return nil, err
	}
	last, err := l.LastIndex()
	if err != nil {
		return nil, err
	}
	for i := first; i <= last && i > 0; i++ {
		var e raft.Log
		if err := l.GetLog(i, &e); err != nil {
			return got, err
		}
		words := entry{e.Index, e.Term, e.Data}.words()
		if e.Type != raft.LogCommand || len(e.Extensions) > 0 || !e.AppendedAt.IsZero() {
			words += " with other fields than were saved"
		}
		got = append(got, words)
	}
	return got, nil
}
