package storagetest

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"
)

// history is the log of a node with what was compacted: the entries that follow the received
// snapshot that the log begins with, or entry 0.
type history struct {
	base, baseTerm uint64
	ents           []*raftpb.Entry
}

// term returns the term of entry i, which is not before the base.
func (h *history) term(i uint64) uint64 {
	if i == h.base {
		return h.baseTerm
	}
	return h.ents[i-h.base-1].GetTerm()
}

// from returns the entries from entry i on.
func (h *history) from(i uint64) []*raftpb.Entry { return h.ents[i-h.base-1:] }

// append takes in entries, in place of those from the first one on.
func (h *history) append(ents []*raftpb.Entry) {
	if len(ents) == 0 {
		return
	}
	n := ents[0].GetIndex() - h.base - 1
	h.ents = append(h.ents[:n:n], copies(ents)...)
}

// with returns the history as a Ready with the snapshot and the entries leaves it. h stays as it
// is.
func (h *history) with(snap *raftpb.Snapshot, ents []*raftpb.Entry) history {
	next := *h
	if snap != nil {
		next = history{base: snap.GetMetadata().GetIndex(), baseTerm: snap.GetMetadata().GetTerm()}
	}
	next.append(ents)
	return next
}

// copies returns entries that share nothing with the given ones.
func copies(ents []*raftpb.Entry) (own []*raftpb.Entry) {
	for _, ent := range ents {
		own = append(own, proto.Clone(ent).(*raftpb.Entry))
	}
	return own
}

// newEntry returns an entry whose data say which one it is, with about size bytes. Some have no
// type and some no data, like those that raft makes.
func newEntry(index, term uint64, size int) *raftpb.Entry {
	ent := &raftpb.Entry{Index: new(index), Term: new(term)}
	if index%3 != 0 {
		ent.Type = raftpb.EntryNormal.Enum()
	}
	if size == 0 {
		return ent
	}
	ent.Data = fmt.Appendf(nil, "entry %d of term %d ", index, term)
	if more := size - len(ent.Data); more > 0 {
		ent.Data = append(ent.Data, bytes.Repeat([]byte{byte(index + term)}, more)...)
	}
	return ent
}

// sound returns an error unless the data of an entry say that it is that one.
func sound(ent *raftpb.Entry) error {
	want := newEntry(ent.GetIndex(), ent.GetTerm(), len(ent.GetData()))
	if !proto.Equal(want, ent) {
		return fmt.Errorf("it is %v", short(ent))
	}
	return nil
}

// short shows an entry without most of its data.
func short(ent *raftpb.Entry) string {
	if ent == nil {
		return "nil"
	}
	data := ent.GetData()
	return fmt.Sprintf("index %d, term %d, type %v, %d bytes %.30q",
		ent.GetIndex(), ent.GetTerm(), ent.GetType(), len(data), data)
}
