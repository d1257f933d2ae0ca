package storagetest

import (
	"math"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// slices is what Entries has returned, as raft may hold it for long.
type slices []struct{ got, copies []*raftpb.Entry }

// take asks for entries, and holds them.
func (s *slices) take(store raft.Storage, lo, hi uint64) {
	got, err := store.Entries(lo, hi, math.MaxUint64)
	must(err, "Entries(%d, %d)", lo, hi)
	*s = append(*s, struct{ got, copies []*raftpb.Entry }{got, copies(got)})
}

// unchanged ends the check if the store has changed any of them since.
func (s slices) unchanged() {
	for _, held := range s {
		same(held.copies, held.got, "what Entries(%d, …) returned earlier", held.copies[0].GetIndex())
	}
}

// appendTo does with a slice what raft may do with one that it was given.
func appendTo(ents []*raftpb.Entry) { _ = append(ents, &raftpb.Entry{}, &raftpb.Entry{}) }
