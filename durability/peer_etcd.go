package main

import (
	"errors"
	"io"

	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	etcdpb "go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

func etcd(repairs bool) peer {
	p := peer{
		name: "etcd", about: "Open and ReadAll; closed cleanly", module: "go.etcd.io/etcd/server/v3",
		closes: true,
		create: createEtcd, read: readEtcd,
	}
	if repairs {
		p.name, p.about = "etcd, Repair", "as etcd's server does it: if ReadAll says "+
			"io.ErrUnexpectedEOF, Repair once, and again; closed cleanly"
		p.read = readEtcdWithRepair
	}
	return p
}

type etcdLog struct{ w *etcdwal.WAL }

func createEtcd(dir string) (writer, error) {
	etcdwal.SegmentSizeBytes = segmentSize // there is only this variable
	w, err := etcdwal.Create(zap.NewNop(), dir, []byte("metadata"))
	return etcdLog{w}, err
}

func (l etcdLog) save(batch []entry) error {
	ents := make([]*raftpb.Entry, len(batch))
	for i, e := range batch {
		ents[i] = &raftpb.Entry{Index: new(e.index), Term: new(e.term), Type: raftpb.EntryNormal.Enum(),
			Data: e.data}
	}
	return l.w.Save(nil, ents)
}

func (l etcdLog) close() error { return l.w.Close() }

func readEtcd(dir string) (got []string, err error) {
	etcdwal.SegmentSizeBytes = segmentSize
	w, err := etcdwal.Open(zap.NewNop(), dir, &etcdpb.Snapshot{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := w.Close(); err == nil {
			err = cerr
		}
	}()
	_, _, ents, err := w.ReadAll()
	for _, e := range ents {
		got = append(got, entry{e.GetIndex(), e.GetTerm(), e.GetData()}.words())
	}
	return got, err
}

func readEtcdWithRepair(dir string) ([]string, error) {
	got, err := readEtcd(dir)
	if errors.Is(err, io.ErrUnexpectedEOF) && etcdwal.Repair(zap.NewNop(), dir) {
		return readEtcd(dir)
	}
	return got, err
}
