package wal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/seed449c39bc/wal/log"
)

// ErrNewerFormat is returned when a log holds an intact record of a kind that this version does
// not know, so that a newer version wrote it. The error is a *NewerFormatError. It is no
// ErrCorrupt, nothing on disk was changed, and Repair refuses such a log.
var ErrNewerFormat = errors.New("wal: log was written by a newer version")

// NewerFormatError says which record is of a newer version. It satisfies errors.Is with
// [ErrNewerFormat]. docs/FORMAT.md, Versions, has the rule that tells it from damage.
type NewerFormatError struct {
	Segment string // file name of the segment, without its directory
	Offset  int64  // offset of the record in it, in bytes
	Kind    string // what is not known, such as "a record of type 7"
}

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("wal: log was written by a newer version: "+
		"segment %s holds at offset %d %s, which this version does not know; "+
		"open it with the version that wrote it, or a later one", e.Segment, e.Offset, e.Kind)
}

// Is makes every NewerFormatError an [ErrNewerFormat].
func (e *NewerFormatError) Is(target error) bool { return target == ErrNewerFormat }

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
