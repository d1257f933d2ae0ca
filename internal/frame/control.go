package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/seed449c39bc/wal/log"
)

// The kinds of control records, which are crc records with data: the first byte of that data.
const (
	ControlClosed   byte = 0x01
	ControlTruncate byte = 0x02
	ControlRestore  byte = 0x03
	ControlCompact  byte = 0x04
)

// Control returns the data of a control record, nil for any other record.
func (f *Frame) Control() []byte {
	if f.Type != log.CrcType || !f.HasTrailer || len(f.Data) == 0 {
		return nil
	}
	return f.Data
}

// ClosedData returns the data of a CLOSED record.
func ClosedData() []byte { return []byte{ControlClosed} }

// ControlData returns the data of a control record with an index: TRUNCATE, RESTORE or COMPACT.
func ControlData(kind byte, index uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{kind}, index)
}

// ParseControl returns the kind and the index of a control record with the given data. ok is false
// for data of another form, such as that of a CLOSED record.
func ParseControl(data []byte) (kind byte, index uint64, ok bool) {
	if len(data) != WordSize+1 || data[0] < ControlTruncate || data[0] > ControlCompact {
		return 0, 0, false
	}
	return data[0], binary.LittleEndian.Uint64(data[1:]), true
}

// Unknown describes what this version does not know in a frame whose check is right; "" if it knows
// all of it. The check covers the type, the flags and a control record's data, so they are not
// damaged: a newer version wrote them. A plain record has no check, and is never taken for newer
// (docs/FORMAT.md 8).
func (f *Frame) Unknown() string {
	switch {
	case !f.HasTrailer:
		return ""
	case f.Flags&^FlagMask != 0:
		return fmt.Sprintf("a record with the flags %#02x", f.Flags)
	case f.Type < log.MetadataType || f.Type > log.SnapshotType:
		return fmt.Sprintf("a record of type %d", int64(f.Type))
	case len(f.Control()) > 0 && !knownControl(f.Data):
		return fmt.Sprintf("a control record of kind %#02x with %d bytes", f.Data[0], len(f.Data))
	}
	return ""
}

// knownControl reports whether this version knows a control record with the given data.
func knownControl(data []byte) bool {
	_, _, indexed := ParseControl(data)
	return indexed || bytes.Equal(data, ClosedData())
}
