package storagetest

import (
	"io"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Store is what is tested: a raft.Storage, and how a program puts into it what raft asks for. One
// goroutine calls the methods that change it. Those of raft.Storage are called beside it.
type Store interface {
	raft.Storage

	// Save saves the hard state, the entries and the received snapshot of a Ready. The snapshot has
	// its data. When Save returns nil, raft may send the messages.
	Save(rd raft.Ready) error

	// CreateSnapshot makes a snapshot of the state machine as it is after entry index, with the
	// members of the cluster by then, and the data that write writes.
	CreateSnapshot(index uint64, cs *raftpb.ConfState, write func(io.Writer) error) error

	// Compact drops the entries up to index, for which there is a snapshot.
	Compact(index uint64) error

	Close() error
}

// SnapshotOpener is a Store that returns snapshots without their data, and has that elsewhere.
type SnapshotOpener interface {
	OpenSnapshot(index, term uint64) (io.ReadCloser, error)
}

// Volatile is a Store that holds nothing after Close. The checks that open a store again are left
// out.
type Volatile interface {
	Volatile()
}

// Open opens the store in a directory, or makes one where there is none. It has no members then,
// unless Open gives all stores the same.
type Open func(dir string) (Store, error)
