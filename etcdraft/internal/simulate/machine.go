package simulate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"

	"go.etcd.io/raft/v3/raftpb"
)

// machine is a state machine that knows of every entry that it has applied, in the order.
type machine struct {
	applied uint64
	hash    uint64
}

// apply applies the next entry.
func (m *machine) apply(e *raftpb.Entry) error {
	if e.GetIndex() != m.applied+1 {
		return fmt.Errorf("entry %d is applied behind %d", e.GetIndex(), m.applied)
	}
	h := fnv.New64a()
	var b []byte
	for _, v := range []uint64{m.hash, e.GetIndex(), e.GetTerm(), uint64(e.GetType())} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	h.Write(b)
	h.Write(e.GetData())
	m.applied, m.hash = e.GetIndex(), h.Sum64()
	return nil
}

// write writes the machine's state.
func (m *machine) write(w io.Writer) error {
	b := binary.LittleEndian.AppendUint64(nil, m.applied)
	b = binary.LittleEndian.AppendUint64(b, m.hash)
	b = append(b, make([]byte, 1500)...) // a few sectors
	_, err := w.Write(b)
	return err
}

// read replaces the state by one that was written. The snapshot of nothing is empty.
func (m *machine) read(r io.Reader, index uint64) error {
	b, err := io.ReadAll(r)
	switch {
	case err != nil:
		return err
	case len(b) == 0 && index == 1:
		*m = machine{applied: 1}
		return nil
	case len(b) < 16:
		return errors.New("the snapshot is too short")
	}
	*m = machine{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
	if m.applied != index {
		return fmt.Errorf("the snapshot at %d is the one at %d", index, m.applied)
	}
	return nil
}
