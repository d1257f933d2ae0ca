package main

import (
	"sync"

	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	etcdpb "go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

func etcd() contender {
	return contender{
		name:   nameEtcd,
		about:  "Save under the caller's lock; without sync: SetUnsafeNoFsync",
		module: "go.etcd.io/etcd/server/v3",
		open:   openEtcd,
		replay: replayEtcd,
		reopen: reopenEtcd,
	}
}

func etcdChannel() contender {
	return contender{
		name: nameChannel,
		about: "writers send their entries over a channel; one goroutine takes all that are waiting, " +
			"saves them as one, and answers all",
		module: "go.etcd.io/etcd/server/v3",
		open:   openEtcdChannel,
		replay: replayEtcd,
	}
}

type etcdLog struct {
	config
	sequence
	w       *etcdwal.WAL
	payload []byte
}

func createEtcd(dir string, c config) (*etcdLog, error) {
	etcdwal.SegmentSizeBytes = c.segment // there is only this variable; one log is open at a time
	w, err := etcdwal.Create(zap.NewNop(), dir, []byte("bench"))
	if err != nil {
		return nil, err
	}
	if c.noSync || c.inFlight {
		w.SetUnsafeNoFsync()
	}
	return &etcdLog{config: c, w: w, payload: c.data()}, nil
}

// batchOf returns the entries of a save, whose indexes number sets.
func (l *etcdLog) batchOf() (ents []*raftpb.Entry, number func()) {
	indexes := make([]uint64, l.batch)
	for i := range indexes {
		ents = append(ents, &raftpb.Entry{Term: new(uint64(1)), Index: &indexes[i],
			Type: raftpb.EntryNormal.Enum(), Data: l.payload})
	}
	return ents, func() {
		for i := range indexes {
			indexes[i] = l.next()
		}
	}
}

func openEtcd(dir string, c config) (*store, error) {
	l, err := createEtcd(dir, c)
	if err != nil {
		return nil, err
	}
	writer := func() func() error {
		ents, number := l.batchOf()
		return func() error {
			l.Lock()
			defer l.Unlock()
			number()
			return l.w.Save(nil, ents)
		}
	}
	return &store{writer: writer, close: l.w.Close}, nil
}

// etcdRequest is a request for a save to the goroutine that saves.
type etcdRequest struct {
	ents   []*raftpb.Entry
	number func()
	done   chan error
}

func openEtcdChannel(dir string, c config) (*store, error) {
	l, err := createEtcd(dir, c)
	if err != nil {
		return nil, err
	}
	requests := make(chan *etcdRequest, c.writers)
	var saving sync.WaitGroup
	saving.Go(func() { l.serve(requests) })
	writer := func() func() error {
		r := &etcdRequest{done: make(chan error, 1)}
		r.ents, r.number = l.batchOf()
		return func() error {
			requests <- r
			return <-r.done
		}
	}
	stop := func() error {
		close(requests)
		saving.Wait()
		return l.w.Close()
	}
	return &store{writer: writer, close: stop}, nil
}

// serve makes the saves that are requested until the channel is closed. It makes one save of all
// requests that wait.
func (l *etcdLog) serve(requests <-chan *etcdRequest) {
	var ents []*raftpb.Entry
	var batch []*etcdRequest
	for first := range requests {
		ents, batch = ents[:0], batch[:0]
		for r, ok := first, true; ok; {
			r.number()
			ents, batch = append(ents, r.ents...), append(batch, r)
			select {
			case r, ok = <-requests:
			default:
				ok = false
			}
		}
		err := l.w.Save(nil, ents)
		for _, r := range batch {
			r.done <- err
		}
	}
}

// replayEtcd reads all entries at once: etcd's log has no other way of reading.
func replayEtcd(dir string, _ bool) (tally, error) {
	var t tally
	w, err := etcdwal.Open(zap.NewNop(), dir, &etcdpb.Snapshot{})
	if err != nil {
		return t, err
	}
	_, _, ents, err := w.ReadAll()
	for _, e := range ents {
		t.count(len(e.GetData()))
	}
	return t, closing(err, w)
}

// reopenEtcd reads all entries too: etcd's log can be appended to only after that.
func reopenEtcd(dir string) (int, error) {
	t, err := replayEtcd(dir, false)
	return t.Entries, err
}
