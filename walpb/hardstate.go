package walpb

// HardState is the default state. It is encoded as etcd's raftpb.HardState is.
//
// The methods that only read it are safe for concurrent use.
type HardState struct {
	Term   uint64
	Vote   uint64
	Commit uint64 // the last committed index
}

// GetCommitted returns the last committed index, or 0 for a nil state.
func (h *HardState) GetCommitted() uint64 {
	if h == nil {
		return 0
	}
	return h.Commit
}

// Reset makes the state empty.
func (h *HardState) Reset() {
	if h != nil {
		*h = HardState{}
	}
}

// IsEmpty reports whether the state is empty or nil.
func (h *HardState) IsEmpty() bool { return h == nil || *h == HardState{} }

// Size returns the exact size of the encoded state in bytes.
func (h *HardState) Size() (n int) {
	if h == nil {
		return 0
	}
	return sizeVarint(h.Term) + sizeVarint(h.Vote) + sizeVarint(h.Commit)
}

// AppendBinary appends the encoded state to b. It allocates only if b has no room for Size more
// bytes. It fails only if the state is nil.
func (h *HardState) AppendBinary(b []byte) ([]byte, error) {
	if h == nil {
		return b, errNil
	}
	b = appendVarint(b, 1, h.Term)
	b = appendVarint(b, 2, h.Vote)
	b = appendVarint(b, 3, h.Commit)
	return b, nil
}

// Marshal returns the encoded state. It fails only if the state is nil.
func (h *HardState) Marshal() (data []byte, err error) {
	return h.AppendBinary(make([]byte, 0, h.Size()))
}

// Unmarshal replaces the state by the one that is encoded in data. It does not keep data. An error
// is an ErrMalformed, and leaves the state as it was.
func (h *HardState) Unmarshal(data []byte) error {
	var m HardState
	f := fields{message: "HardState", rest: data}
	for f.next() {
		switch f.num {
		case 1:
			m.Term = f.varint("Term")
		case 2:
			m.Vote = f.varint("Vote")
		case 3:
			m.Commit = f.varint("Commit")
		default:
			f.skip()
		}
	}
	if f.err != nil {
		return f.err
	}
	*h = m
	return nil
}
