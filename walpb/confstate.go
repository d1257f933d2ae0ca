package walpb

import "google.golang.org/protobuf/encoding/protowire"

// ConfState is the membership at a snapshot. It is encoded as etcd's raftpb.ConfState is.
//
// The methods that only read it are safe for concurrent use.
type ConfState struct {
	Voters         []uint64
	Learners       []uint64
	VotersOutgoing []uint64
	LearnersNext   []uint64
	AutoLeave      bool
}

// Size returns the exact size of the encoded state in bytes.
func (c *ConfState) Size() (n int) {
	if c == nil {
		return 0
	}
	return sizeVarints(c.Voters) + sizeVarints(c.Learners) +
		sizeVarints(c.VotersOutgoing) + sizeVarints(c.LearnersNext) +
		sizeVarint(protowire.EncodeBool(c.AutoLeave))
}

// AppendBinary appends the encoded state to b. It allocates only if b has no room for Size more
// bytes. It fails only if the state is nil.
func (c *ConfState) AppendBinary(b []byte) ([]byte, error) {
	if c == nil {
		return b, errNil
	}
	b = appendVarints(b, 1, c.Voters)
	b = appendVarints(b, 2, c.Learners)
	b = appendVarints(b, 3, c.VotersOutgoing)
	b = appendVarints(b, 4, c.LearnersNext)
	b = appendVarint(b, 5, protowire.EncodeBool(c.AutoLeave))
	return b, nil
}

// Marshal returns the encoded state. It fails only if the state is nil.
func (c *ConfState) Marshal() (data []byte, err error) {
	return c.AppendBinary(make([]byte, 0, c.Size()))
}

// Unmarshal replaces the state by the one that is encoded in data. It does not keep data. An error
// is an ErrMalformed, and leaves the state as it was.
func (c *ConfState) Unmarshal(data []byte) error {
	var m ConfState
	if err := m.merge("ConfState", data); err != nil {
		return err
	}
	*c = m
	return nil
}

// merge adds the fields in data to those that are there. Errors name the message as message does.
func (c *ConfState) merge(message string, data []byte) error {
	f := fields{message: message, rest: data}
	for f.next() {
		switch f.num {
		case 1:
			c.Voters = f.varints("Voters", c.Voters)
		case 2:
			c.Learners = f.varints("Learners", c.Learners)
		case 3:
			c.VotersOutgoing = f.varints("VotersOutgoing", c.VotersOutgoing)
		case 4:
			c.LearnersNext = f.varints("LearnersNext", c.LearnersNext)
		case 5:
			c.AutoLeave = protowire.DecodeBool(f.varint("AutoLeave"))
		default:
			f.skip()
		}
	}
	return f.err
}
