package etcdraft

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft/snap"
	"github.com/seed449c39bc/wal/internal/access"
	"github.com/seed449c39bc/wal/log"
)

// DefaultTail is how many bytes of the newest entries are held decoded, unless Options says
// otherwise.
const DefaultTail = 8 << 20

// Options says how a Storage is opened. The zero value will do for a node that joins a cluster, and
// for one that is started with raft.StartNode.
type Options struct {
	// Bootstrap are the members of a new cluster. The first members all pass the same, and a node that
	// joins later passes nil, or the same as they. It counts only when the log is made: the log then
	// begins with a snapshot at index 1 and term 1 of a state machine to which nothing was done, with
	// these members and no data. So a node that passes nil learns who is a member from a snapshot: one
	// that was made when its own joining was applied, because a node ignores a snapshot that does not
	// name it. docs/RAFT.md says when to make one.
	Bootstrap *raftpb.ConfState
	// Tail is how many bytes of the newest entries are held decoded. 0: DefaultTail. Below 0: none.
	// Memory can grow to about twice as many.
	Tail int
	// Snapshots keeps the state machine's snapshots. nil: the directory "snap" in that of the log.
	Snapshots *snap.Dir
	// OnError is told why a read has failed, before raft is, which panics on such an error.
	OnError func(error)
	// WAL are options of the log. WithRegistry is refused, because the entries have types of this
	// package, and WithEtcdFormat, because in etcd's format a snapshot cannot replace a log as one
	// save.
	WAL []wal.Option
}

// ErrForeign is the error of a log that neither this package nor etcd has made.
var ErrForeign = errors.New("etcdraft: the log is another program's; give another directory")

// ErrNoLog is the error where there are snapshots of a node and its log is gone. A new log would
// have forgotten what the node has voted for and acknowledged.
var ErrNoLog = errors.New("etcdraft: the node's log is lost")

// Open opens the log of a raft node in dir, or makes one. It needs not be told of a snapshot: the
// log knows the newest one, and the entries before it that are still there for followers that lag.
// A nil logger logs nothing.
//
// What it returns is consistent whatever crash came before: the commit index and the term are at
// least those of the newest snapshot, and the snapshot's file is there. If it is not, the error is
// an ErrNoSnapshot. The other errors are those of wal.Open, ErrForeign and ErrNoLog.
//
// Open also opens what a stopped member of etcd has left: dir is its member/wal, and Snapshots that
// in its member/snap. Its entries, its hard state and its newest snapshot are taken over; Metadata
// returns the ids that etcd kept in the log. What etcd keeps in its own store, member/snap/db, is
// not. Copy the directory before: etcd does not see what Compact and received snapshots drop.
func Open(lg *zap.Logger, dir string, o Options) (*Storage, error) {
	if lg == nil {
		lg = zap.NewNop()
	}
	if err := checkOptions(o.WAL); err != nil {
		return nil, err
	}
	registry := log.NewRegistry()
	registry.Register(log.EntryType, new(storedEntry))
	opts := append(slices.Clone(o.WAL), wal.WithRegistry(registry))
	metadata, err := metadataOf(o.Bootstrap)
	if err != nil {
		return nil, err
	}
	s := &Storage{lg: lg, snaps: o.Snapshots, onError: o.OnError}
	s.tail.limit = max(o.Tail, 0)
	if o.Tail == 0 {
		s.tail.limit = DefaultTail
	}
	s.w, err = wal.Open(lg, dir, nil, opts...)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.checkNew(dir, o.WAL); err != nil {
			return nil, err
		}
		s.w, err = wal.Create(lg, dir, metadata, opts...)
	}
	if errors.Is(err, wal.ErrCorrupt) {
		err = fmt.Errorf("%w; not for a node of a cluster, which would forget what it has promised: "+
			"remove it, and let it join again with a new id", err)
	}
	if err != nil {
		return nil, fmt.Errorf("etcdraft: %w", err)
	}
	if s.snaps == nil {
		s.snaps, err = snap.Open(filepath.Join(dir, "snap"), o.WAL...)
		s.ownSnaps = err == nil
	}
	if err == nil {
		err = s.load()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// checkNew returns an error if there are snapshots where there is no log: the log comes first, so
// it was lost, and with it what the node has voted for.
func (s *Storage) checkNew(dir string, opts []wal.Option) error {
	snaps, path := s.snaps, filepath.Join(dir, "snap")
	if snaps == nil {
		settings, err := access.Of(opts)
		if err != nil {
			return fmt.Errorf("etcdraft: %w", err)
		}
		if is, err := settings.FS.IsDir(path); err != nil || !is {
			return nil // what is there instead, Open will say
		}
		if snaps, err = snap.Open(path, opts...); err != nil {
			return err
		}
		defer snaps.Close()
	}
	all, err := snaps.List()
	if err == nil && len(all) > 0 {
		err = fmt.Errorf("%w: there is none in %s, and a snapshot at index %d in %s; put the log back, "+
			"or remove the snapshots and let the node join with a new id",
			ErrNoLog, dir, all[0].Index, snaps.Path())
	}
	return err
}

// checkOptions returns an error if a Storage cannot work with options of a log.
func checkOptions(opts []wal.Option) error {
	settings, err := access.Of(opts)
	switch {
	case err != nil:
		return fmt.Errorf("etcdraft: %w", err)
	case settings.HasRegistry:
		return fmt.Errorf("etcdraft: %w: WithRegistry in Options.WAL; leave it out, the types of the "+
			"records are those of this package", wal.ErrInvalidArgument)
	case settings.EtcdFormat:
		return fmt.Errorf("etcdraft: %w: WithEtcdFormat in Options.WAL; leave it out, in etcd's format "+
			"a snapshot cannot replace a log as one save", wal.ErrInvalidArgument)
	}
	return nil
}

// metadataHead is what the metadata of a log of this package begins with. The first members follow.
const metadataHead = "etcdraft 1\n"

// metadataOf returns the metadata of a new log.
func metadataOf(bootstrap *raftpb.ConfState) ([]byte, error) {
	members, err := proto.Marshal(bootstrap)
	if err != nil {
		return nil, fmt.Errorf("etcdraft: the members: %w", err)
	}
	return append([]byte(metadataHead), members...), nil
}
