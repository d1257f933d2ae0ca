package main

import (
	"os"
	"path/filepath"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

func bolt() contender {
	return contender{
		name: nameBolt,
		about: "through raft-boltdb: StoreLogs under the caller's lock, one transaction per " +
			"save; a tree of pages, so it has no segments",
		module:     "github.com/hashicorp/raft-boltdb/v2",
		open:       openBolt,
		replay:     replayBolt,
		openReader: readBolt,
	}
}

func openBolt(dir string, c config) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	b, err := raftboltdb.New(raftboltdb.Options{Path: boltFile(dir), NoSync: c.noSync,
		MsgpackUseNewTimeFormat: true})
	if err != nil {
		return nil, err
	}
	return &store{writer: raftWriter(b, c), close: b.Close}, nil
}

func replayBolt(dir string, keep bool) (tally, error) {
	b, err := openBoltForReading(dir)
	if err != nil {
		return tally{}, err
	}
	t, err := replayRaftLog(b, keep)
	return t, closing(err, b)
}

func readBolt(dir string) (*reader, error) {
	b, err := openBoltForReading(dir)
	if err != nil {
		return nil, err
	}
	return &reader{read: raftRead(b), close: b.Close}, nil
}

func openBoltForReading(dir string) (*raftboltdb.BoltStore, error) {
	return raftboltdb.New(raftboltdb.Options{
		Path: boltFile(dir), BoltOptions: &bbolt.Options{ReadOnly: true}, MsgpackUseNewTimeFormat: true,
	})
}

func boltFile(dir string) string { return filepath.Join(dir, "raft.db") }
