package main

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
)

// formatName is the log's metadata. It says which program the log in a directory belongs to.
const formatName = "kvstore 1"

// errNoStore is returned if there is no store.
var errNoStore = errors.New("there is no store; put or load makes one")

// Config says where a store is and how its log is to be written.
type Config struct {
	Dir         string
	SegmentSize int64        // in bytes
	Logger      *zap.Logger  // zap.NewNop() for none
	Listener    wal.Listener // hears what the log does
}

func (c Config) logDir() string      { return filepath.Join(c.Dir, "log") }
func (c Config) snapshotDir() string { return filepath.Join(c.Dir, "snapshots") }

func (c Config) options() []wal.Option {
	return []wal.Option{wal.WithRegistry(records()), wal.WithSegmentSize(c.SegmentSize),
		wal.WithListener(c.Listener)}
}

// Table is the state machine: the result of all entries up to an index.
type Table struct {
	Index uint64            `json:"index"` // of the last entry applied
	Pairs map[string]string `json:"pairs"`
}

// apply applies the next entry. It cannot fail and depends only on the table and the entry, so the
// same entries give the same table each time they are replayed.
func (t *Table) apply(e *Entry) {
	switch e.Op {
	case OpPut:
		t.Pairs[e.Key] = e.Value
	case OpDelete:
		delete(t.Pairs, e.Key)
	}
	t.Index = e.Index
}

// Keys returns the keys that begin with prefix, sorted.
func (t *Table) Keys(prefix string) []string {
	keys := slices.Collect(maps.Keys(t.Pairs))
	keys = slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) })
	slices.Sort(keys)
	return keys
}

// Store is a table. Every change is in the log before it is in the table. All methods are safe for
// concurrent use.
type Store struct {
	cfg  Config
	log  *wal.WAL
	from uint64 // index of the snapshot that it was opened at

	mu    sync.Mutex
	table Table  // the result of the entries that are known to be durable
	last  uint64 // index of the last entry that was passed to the log

	snapshotting sync.Mutex // one Snapshot at a time; taken before mu
}

// Open opens an existing store for reading and writing.
func Open(cfg Config) (*Store, error) {
	snap, table, err := restore(cfg)
	if err != nil {
		return nil, err
	}
	// Only this locks the log. If another process has gone on meanwhile, the open fails, and nothing
	// is lost.
	w, err := wal.Open(cfg.Logger, cfg.logDir(), snap, cfg.options()...)
	if err != nil {
		return nil, err
	}
	if err := replay(w, &table, w.LastIndex()); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &Store{cfg: cfg, log: w, from: snap.GetIndex(), table: table, last: table.Index}, nil
}

// OpenOrCreate is Open, but creates the store if there is none.
func OpenOrCreate(cfg Config) (*Store, error) {
	s, err := Open(cfg)
	if !errors.Is(err, errNoStore) {
		return s, err
	}
	// An empty log beside old snapshots would hide that a log was lost.
	if old, err := listSnapshots(cfg.snapshotDir()); err != nil || len(old) > 0 {
		return nil, errors.Join(fmt.Errorf("%s has snapshots but no log: restore the log, or move the "+
			"directory away", cfg.Dir), err)
	}
	w, err := wal.Create(cfg.Logger, cfg.logDir(), []byte(formatName), cfg.options()...)
	if err != nil {
		return nil, err
	}
	return &Store{cfg: cfg, log: w, table: Table{Pairs: map[string]string{}}}, nil
}

// readAttempts is how many times Read tries if a writer deletes what it is reading.
const readAttempts = 5

// Read returns what the store holds. It takes no lock and changes nothing, so it works while
// another process is writing. The latest save of that process may be in the result before it is
// durable.
func Read(cfg Config) (Table, error) {
	for attempt := 1; ; attempt++ {
		table, err := readOnce(cfg)
		moved := errors.Is(err, wal.ErrSnapshotNotFound) || errors.Is(err, wal.ErrCompacted) ||
			errors.Is(err, errNoSnapshot)
		if !moved || attempt == readAttempts {
			return table, err
		}
	}
}

func readOnce(cfg Config) (Table, error) {
	snap, table, err := restore(cfg)
	if err != nil {
		return table, err
	}
	r, err := wal.OpenForRead(cfg.Logger, cfg.logDir(), snap, cfg.options()...)
	if err != nil {
		return table, err
	}
	defer r.Close()
	return table, replay(r, &table, r.LastIndex())
}

// restore returns the newest snapshot that the log records and whose file is intact, and its table.
// A new log records a snapshot with index 0, which needs no file.
func restore(cfg Config) (log.Snapshot, Table, error) {
	recorded, err := wal.ValidSnapshots(cfg.Logger, cfg.logDir(), cfg.options()...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Table{}, fmt.Errorf("%s: %w", cfg.Dir, errNoStore)
	}
	if err != nil {
		return nil, Table{}, err
	}
	var unusable []error
	for _, snap := range slices.Backward(recorded) {
		table, err := tableAt(cfg, snap.GetIndex())
		if err != nil {
			unusable = append(unusable, err)
			continue
		}
		if len(unusable) > 0 {
			cfg.Logger.Warn("newer snapshots cannot be used", zap.Uint64("using", snap.GetIndex()),
				zap.Errors("because", unusable))
		}
		return snap, table, nil
	}
	err = fmt.Errorf("%s: %w", cfg.Dir, errNoSnapshot)
	for _, reason := range unusable {
		err = fmt.Errorf("%w; %w", err, reason)
	}
	return nil, Table{}, err
}

// tableAt returns the table that a snapshot holds. At index 0 it is empty and has no file.
func tableAt(cfg Config, index uint64) (Table, error) {
	if index == 0 {
		return Table{Pairs: map[string]string{}}, nil
	}
	return readSnapshot(cfg.snapshotDir(), index)
}

// logReader has methods that a log opened for writing and one opened for reading share.
type logReader interface {
	Metadata() []byte
	LastIndex() uint64
	Entries(lo, hi uint64) iter.Seq2[log.LogEntry, error]
}

// replay applies the entries after the table's index, up to index last. It reads them one at a
// time, so the log may be larger than memory. Each was saved together with a State that commits it.
// A Raft node would stop at State().GetCommitted().
func replay(r logReader, table *Table, last uint64) error {
	if name := string(r.Metadata()); name != formatName {
		return fmt.Errorf("this is the log of %q, not of %q", name, formatName)
	}
	for entry, err := range wal.As[*Entry](r.Entries(table.Index+1, last+1)) {
		if err != nil {
			return err
		}
		table.apply(entry)
	}
	return nil
}

// Save makes changes: all of them or, after a crash, none. When it returns nil, they are on stable
// storage. If it returns an error of the log, they may or may not be there after the store is
// opened again.
func (s *Store) Save(changes ...*Entry) error {
	if len(changes) == 0 {
		return nil
	}
	for _, e := range changes {
		if err := e.check(); err != nil {
			return fmt.Errorf("%s %.100q: %w", e.Op, e.Key, err)
		}
	}
	pending, last, err := s.hand(changes)
	if err != nil {
		return err
	}
	// It waits without the lock, so saves that wait at the same time can share a sync.
	if err := pending.Wait(); err != nil {
		return err
	}
	return s.applyTo(last)
}

// hand numbers the changes and passes them to the log. It holds the lock, so the saves have the
// order of the indexes.
func (s *Store) hand(changes []*Entry) (pending *wal.Pending, last uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := make([]log.LogEntry, len(changes))
	for i, e := range changes {
		e.Index = s.last + uint64(i) + 1
		entries[i] = e
	}
	last = s.last + uint64(len(changes))
	pending, err = s.log.Append(&State{Term: term, Commit: last}, entries)
	if err != nil { // nothing was written, so the indexes are still free
		return nil, 0, err
	}
	s.last = last
	return pending, last, nil
}

// applyTo applies the entries up to index last, which is durable, unless another goroutine has done
// that. It reads them from the log, because no copy of them is kept. Saves become durable in order,
// so all entries before last are durable too, even if the calls that saved them have not returned
// yet. Because they are applied here as well, no entry overtakes another.
func (s *Store) applyTo(last uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last <= s.table.Index {
		return nil
	}
	return replay(s.log, &s.table, last)
}

// Get returns the value of a key. What it returns is durable.
func (s *Store) Get(key string) (value string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok = s.table.Pairs[key]
	return value, ok
}

// Table returns a copy of what the store holds.
func (s *Store) Table() Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Table{Index: s.table.Index, Pairs: maps.Clone(s.table.Pairs)}
}

// Behind returns how many entries there are after the snapshot that the store was opened at. The
// next open has to read them.
func (s *Store) Behind() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.Index - s.from
}

// Close closes the store.
func (s *Store) Close() error { return s.log.Close() }
