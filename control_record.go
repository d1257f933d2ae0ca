package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/seed449c39bc/wal/log"
)

// The kinds of control records: crc records with data.
const (
	controlClosed   byte = 0x01
	controlTruncate byte = 0x02
	controlRestore  byte = 0x03
	controlCompact  byte = 0x04
)

// control returns the data of a control record, nil for any other record.
func (f *frame) control() []byte {
	if f.typ != log.CrcType || !f.sealed || len(f.data) == 0 {
		return nil
	}
	return f.data
}

func closedData() []byte { return []byte{controlClosed} }

// controlData is the data of a control record with an index: TRUNCATE, RESTORE or COMPACT.
func controlData(kind byte, index uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{kind}, index)
}

// parseControl returns what kind of control record with an index the data is of, and the index.
func parseControl(data []byte) (kind byte, index uint64, ok bool) {
	if len(data) != wordSize+1 || data[0] < controlTruncate || data[0] > controlCompact {
		return 0, 0, false
	}
	return data[0], binary.LittleEndian.Uint64(data[1:]), true
}

// newer returns what this version does not know in a frame whose check is right, "" if it knows
// all. The check vouches for the type, the flags and a control record's data, so none of them is
// damaged: a newer version wrote it. Nothing vouches for a plain record, which is never newer.
func (f *frame) newer() string {
	switch {
	case !f.sealed:
		return ""
	case f.flags&^flagMask != 0:
		return fmt.Sprintf("a record with the flags %#02x", f.flags)
	case f.typ < log.MetadataType || f.typ > log.SnapshotType:
		return fmt.Sprintf("a record of type %d", int64(f.typ))
	case len(f.control()) > 0 && !knownControl(f.data):
		return fmt.Sprintf("a control record of kind %#02x with %d bytes", f.data[0], len(f.data))
	}
	return ""
}

// knownControl reports whether this version knows a control record with the given data.
func knownControl(data []byte) bool {
	_, _, indexed := parseControl(data)
	return indexed || bytes.Equal(data, closedData())
}
