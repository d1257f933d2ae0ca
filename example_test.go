package wal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdlog "log"
	"os"
	"path/filepath"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Put is an entry of the program's own: any type with these four methods.
type Put struct {
	Index uint64
	Key   string
	Value string
}

func (p *Put) Marshal() ([]byte, error) { return json.Marshal(p) }
func (p *Put) Unmarshal(data []byte) error {
	*p = Put{} // it replaces the record; json.Unmarshal leaves what data does not have
	return json.Unmarshal(data, p)
}
func (p *Put) GetIndex() uint64 { return p.Index }
func (p *Put) Size() int        { return len(p.Key) + len(p.Value) + 40 } // a hint

// tempDir is a place for an example's log.
func tempDir() (dir string, remove func()) {
	parent, err := os.MkdirTemp("", "wal-example-")
	if err != nil {
		stdlog.Fatal(err)
	}
	return filepath.Join(parent, "log"), func() { os.RemoveAll(parent) }
}

// must keeps the examples short.
func must(err error) {
	if err != nil {
		stdlog.Fatal(err)
	}
}

// A log with entries of the program's own: saved, closed, opened, read back.
func Example() {
	dir, remove := tempDir()
	defer remove()

	records := log.NewRegistry()
	records.Register(log.EntryType, &Put{})

	w, err := wal.Create(nil, dir, []byte("node 1"), wal.WithRegistry(records))
	must(err)
	must(w.SaveEntry([]log.LogEntry{
		&Put{Index: 1, Key: "sky", Value: "blue"},
		&Put{Index: 2, Key: "grass", Value: "green"},
	})) // both are on disk now
	must(w.Close())

	w, err = wal.Open(nil, dir, nil, wal.WithRegistry(records))
	must(err)
	defer w.Close()
	metadata, _, entries, err := w.ReadAll()
	must(err)
	fmt.Printf("%s\n", metadata)
	for _, entry := range entries {
		put := entry.(*Put)
		fmt.Println(put.Index, put.Key, put.Value)
	}
	// Output:
	// node 1
	// 1 sky blue
	// 2 grass green
}

// The default types are etcd's. Entries and state are saved as one: after a
// crash both are there, or neither.
func ExampleWAL_Save() {
	dir, remove := tempDir()
	defer remove()
	w, err := wal.Create(nil, dir, nil)
	must(err)
	defer w.Close()

	must(w.Save(&walpb.HardState{Term: 1, Commit: 1}, []log.LogEntry{
		&walpb.Entry{Term: 1, Index: 1, Data: []byte("a")},
		&walpb.Entry{Term: 1, Index: 2, Data: []byte("b")},
	}))
	// A new leader replaces entry 2: it and all behind it are gone.
	must(w.Save(&walpb.HardState{Term: 2, Commit: 1}, []log.LogEntry{
		&walpb.Entry{Term: 2, Index: 2, Data: []byte("c")},
	}))
	err = w.SaveEntry([]log.LogEntry{&walpb.Entry{Term: 2, Index: 9}})
	fmt.Println("a gap:", errors.Is(err, wal.ErrIndexGap))

	for entry, err := range w.Entries(w.FirstIndex(), w.LastIndex()+1) {
		must(err)
		e := entry.(*walpb.Entry)
		fmt.Printf("term %d index %d %s\n", e.Term, e.Index, e.Data)
	}
	fmt.Println("committed:", w.State().GetCommitted())
	// Output:
	// a gap: true
	// term 1 index 1 a
	// term 2 index 2 c
	// committed: 1
}

// As spares the loop over entries a cast.
func ExampleAs() {
	dir, remove := tempDir()
	defer remove()
	records := log.NewRegistry()
	records.Register(log.EntryType, &Put{})
	w, err := wal.Create(nil, dir, nil, wal.WithRegistry(records))
	must(err)
	defer w.Close()
	must(w.SaveEntry([]log.LogEntry{&Put{1, "sky", "blue"}, &Put{2, "grass", "green"}}))

	for put, err := range wal.As[*Put](w.Entries(1, 3)) {
		must(err)
		fmt.Println(put.Key, "is", put.Value)
	}
	// Output:
	// sky is blue
	// grass is green
}

// A replica that follows the log. When entries that it has are replaced, it is told from where on,
// and gets the new ones.
func ExampleWAL_Follow() {
	dir, remove := tempDir()
	defer remove()
	w, err := wal.Create(nil, dir, nil)
	must(err)
	must(w.SaveEntry([]log.LogEntry{
		&walpb.Entry{Term: 1, Index: 1, Data: []byte("a")},
		&walpb.Entry{Term: 1, Index: 2, Data: []byte("b")},
	}))

	var replica []string
	for entry, err := range wal.As[*walpb.Entry](w.Follow(context.Background(), 1)) {
		var overwritten *wal.OverwrittenError
		switch {
		case errors.As(err, &overwritten):
			replica = replica[:overwritten.Index-1] // and go on: the new ones come next
			continue
		case err != nil:
			fmt.Println("closed:", errors.Is(err, wal.ErrClosed))
			continue
		}
		replica = append(replica, string(entry.Data))
		fmt.Println(replica)
		switch string(entry.Data) { // elsewhere in the program:
		case "b":
			must(w.SaveEntry([]log.LogEntry{&walpb.Entry{Term: 2, Index: 2, Data: []byte("c")},
				&walpb.Entry{Term: 2, Index: 3, Data: []byte("d")}}))
		case "d":
			must(w.Close())
		}
	}
	// Output:
	// [a]
	// [a b]
	// [a c]
	// [a c d]
	// closed: true
}

// A state machine that has saved a snapshot of itself records that, lets go of
// the segments before, and later opens the log at the snapshot.
func ExampleOpen_atSnapshot() {
	dir, remove := tempDir()
	defer remove()
	w, err := wal.Create(nil, dir, nil)
	must(err)
	for i := uint64(1); i <= 5; i++ {
		must(w.Save(&walpb.HardState{Term: 1, Commit: i},
			[]log.LogEntry{&walpb.Entry{Term: 1, Index: i}}))
	}
	snapshot := &walpb.Snapshot{Index: 3, Term: 1}
	must(w.SaveSnap(snapshot)) // after the snapshot itself is safe elsewhere
	must(w.Release(snapshot))
	_, err = w.Purge()
	must(err)
	must(w.Close())

	valid, err := wal.ValidSnapshots(nil, dir)
	must(err)
	newest := valid[len(valid)-1]
	w, err = wal.Open(nil, dir, newest)
	must(err)
	defer w.Close()
	_, _, entries, err := w.ReadAll()
	must(err)
	fmt.Println("from snapshot", newest.GetIndex(), "replay", len(entries), "entries")
	// Output: from snapshot 3 replay 2 entries
}

// Damage to acknowledged data is an error that says where; Repair cuts the log
// there only when told to, and keeps what it cuts.
func ExampleRepair() {
	dir, remove := tempDir()
	defer remove()
	w, err := wal.Create(nil, dir, nil)
	must(err)
	for i := uint64(1); i <= 3; i++ {
		must(w.SaveEntry([]log.LogEntry{&walpb.Entry{Term: 1, Index: i, Data: []byte("precious")}}))
	}
	must(w.Close())

	segment := filepath.Join(dir, "0000000000000000-0000000000000000.wal")
	data, err := os.ReadFile(segment)
	must(err)
	data[158] ^= 1 // a bit rots, in entry 2
	must(os.WriteFile(segment, data, 0o600))

	_, err = wal.Open(nil, dir, nil)
	var corruption *wal.CorruptionError
	fmt.Println("corrupt:", errors.As(err, &corruption), "at stake:", corruption.FirstIndex, "to",
		corruption.LastIndex)

	report, err := wal.Repair(nil, dir, wal.WithTruncateCorruption())
	must(err)
	fmt.Println("last index:", report.LastIndex, "kept in:", report.Broken)
	// Output:
	// corrupt: true at stake: 2 to 3
	// last index: 1 kept in: [0000000000000000-0000000000000000.wal.broken]
}

// Term is a hard state whose commit index need not be durable at once, as
// in etcd's raft: only a new term or vote must be.
type Term struct{ walpb.HardState }

// MustSync implements log.SyncState.
func (t *Term) MustSync(prev log.HardState) bool {
	before, ok := prev.(*Term)
	return !ok || before.Term != t.Term || before.Vote != t.Vote
}

// A type says for itself when a save of only a state may skip the sync.
func ExampleWAL_SaveState_mustSync() {
	dir, remove := tempDir()
	defer remove()
	records := log.NewRegistry()
	records.Register(log.StateType, &Term{})
	w, err := wal.Create(nil, dir, nil, wal.WithRegistry(records))
	must(err)
	defer w.Close()

	for commit := range uint64(100) {
		must(w.SaveState(&Term{walpb.HardState{Term: 1, Commit: commit}}))
	}
	fmt.Println("saves:", w.Stats().Saves, "syncs:", w.Stats().Syncs)
	// Output: saves: 100 syncs: 1
}
