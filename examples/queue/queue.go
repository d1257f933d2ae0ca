package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
)

// Change is one change of the queue: a job is added, or one is done. A job has the index of the
// entry that added it for its number.
type Change struct {
	Add  string `json:",omitempty"`
	Done uint64 `json:",omitempty"`
}

// Entry is a change in the log.
type Entry = log.JSON[Change]

// Snapshot is all jobs that wait, by number, after the entry with its index. It is small enough
// to stand in the log itself; one of many megabytes would be a file, and this its name.
type Snapshot = log.JSON[map[uint64]string]

// compactAfter is how many entries the log may have that say nothing any more.
const compactAfter = 1000

// Queue is a queue of jobs whose every change is in the log first. It is safe for concurrent use.
type Queue struct {
	log *wal.WAL

	mu      sync.Mutex
	jobs    map[uint64]string
	applied uint64 // index of the last entry in jobs
}

// Open opens the queue in dir, and makes it if there is none.
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

// replay takes in what the log holds: the newest snapshot, empty in a new log, and the entries
// behind it. All of them count: without a state, what was saved is committed.
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

// apply takes in the next entry. The same entries give the same jobs each time.
func (q *Queue) apply(e *Entry) {
	if e.Value.Done > 0 {
		delete(q.jobs, e.Value.Done)
	} else {
		q.jobs[e.Index] = e.Value.Add
	}
	q.applied = e.Index
}

// save makes a change. When it returns nil the change is on stable storage. The lock is held, so
// changes come one after the other: that is the simplest order in which they can be applied.
func (q *Queue) save(c Change) (uint64, error) {
	e := &Entry{Value: c}
	if _, err := q.log.SaveNext(e); err != nil { // it sets the index
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

// compact frees the space of the entries so far. The order makes it safe: a crash in between
// leaves entries that the snapshot has too, and replay does not ask for them.
func (q *Queue) compact() error {
	if err := q.log.SaveSnap(&Snapshot{Index: q.applied, Value: q.jobs}); err != nil {
		return err
	}
	return q.log.Compact(q.applied)
}

// Close ends the use of the queue.
func (q *Queue) Close() error { return q.log.Close() }
