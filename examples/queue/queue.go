package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
)

// Change is one change of the queue: a job is added, or a job is done. The number of a job is the
// index of the entry that added it.
type Change struct {
	Add  string `json:",omitempty"`
	Done uint64 `json:",omitempty"`
}

// Entry is a change in the log.
type Entry = log.JSON[Change]

// Snapshot holds all jobs that wait after the entry with its index, by number. It is small enough
// to be in the log itself. A snapshot of many megabytes would be in a file, and this would hold its
// name.
type Snapshot = log.JSON[map[uint64]string]

// compactAfter is how many entries the log has before it is compacted.
const compactAfter = 1000

// Queue is a queue of jobs. Every change is in the log before it is in the queue. It is safe for
// concurrent use.
type Queue struct {
	log *wal.WAL

	mu      sync.Mutex
	jobs    map[uint64]string
	applied uint64 // index of the last entry in jobs
}

// Open opens the queue in dir, and creates it if there is none.
func Open(dir string, opts ...wal.Option) (*Queue, error) {
	records := log.NewRegistry()
	records.Register(log.EntryType, &Entry{})
	records.Register(log.SnapshotType, &Snapshot{})
	w, err := wal.OpenOrCreate(nil, dir, []byte("queue 1"), append(opts, wal.WithRegistry(records))...)
	if err != nil {
		return nil, err
	}
	q := &Queue{log: w, jobs: map[uint64]string{}}
	if err := q.replay(); err != nil {
		w.Close()
		return nil, err
	}
	return q, nil
}

// replay restores the queue from the log: from the newest snapshot, which is empty in a new log,
// and from the entries after it. All of them count: in a log without states, everything that was
// saved is committed.
func (q *Queue) replay() error {
	snap := q.log.Snapshot().(*Snapshot)
	maps.Copy(q.jobs, snap.Value)
	q.applied = snap.Index
	for entry, err := range wal.As[*Entry](q.log.Entries(snap.Index+1, q.log.LastIndex()+1)) {
		if err != nil {
			return err
		}
		q.apply(entry)
	}
	return nil
}

// apply applies the next entry. The same entries give the same jobs each time.
func (q *Queue) apply(e *Entry) {
	if e.Value.Done > 0 {
		delete(q.jobs, e.Value.Done)
	} else {
		q.jobs[e.Index] = e.Value.Add
	}
	q.applied = e.Index
}

// save makes a change. When it returns nil, the change is on stable storage. The caller holds the
// lock, so changes are saved one after the other, and can be applied in that order.
func (q *Queue) save(c Change) (uint64, error) {
	e := &Entry{Value: c}
	if _, err := q.log.SaveNext(e); err != nil { // SaveNext sets the index
		return 0, err
	}
	q.apply(e)
	return e.Index, nil
}

// Add adds a job and returns its number.
func (q *Queue) Add(text string) (uint64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.save(Change{Add: text})
}

// Next returns the oldest job that waits.
func (q *Queue) Next() (number uint64, text string, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) == 0 {
		return 0, "", false
	}
	number = slices.Min(slices.Collect(maps.Keys(q.jobs)))
	return number, q.jobs[number], true
}

// Done takes a job out of the queue.
func (q *Queue) Done(number uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.jobs[number]; !ok {
		return fmt.Errorf("no job %d waits", number)
	}
	if _, err := q.save(Change{Done: number}); err != nil {
		return err
	}
	if q.applied-q.log.FirstIndex() >= compactAfter {
		return q.compact()
	}
	return nil
}

// compact frees the space of the entries up to now. The order of its steps makes it safe: a crash
// between them leaves entries that the snapshot covers, and replay does not read those.
func (q *Queue) compact() error {
	if err := q.log.SaveSnap(&Snapshot{Index: q.applied, Value: q.jobs}); err != nil {
		return err
	}
	return q.log.Compact(q.applied)
}

// Close ends the use of the queue.
func (q *Queue) Close() error { return q.log.Close() }
