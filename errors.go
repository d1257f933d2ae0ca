package wal

import (
	"errors"
	"fmt"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// What a caller can decide on. Every error of this package that has one of
// these causes satisfies errors.Is with it; the text of the error says where
// it happened and what to do.
var (
	// ErrClosed is returned by every call on a log that was closed, but for Close itself, for calls
	// whose arguments are wrong, and for what returns no error: LastIndex, Stats and the like go on to
	// answer. Follow yields what is durable before it, and Wait returns what became of its save.
	ErrClosed = errors.New("wal: log is closed")
	// ErrFailed is returned, with the same exceptions, by every call on a log whose write or sync
	// failed once, also after it was closed. The error also wraps the first cause. Nothing
	// more is written; only a new Open recovers.
	ErrFailed = errors.New("wal: log failed")
	// ErrShortage is returned by a save for which no space could be prepared: the disk is full, or no
	// file can be opened. The error also wraps the cause. Nothing was written, and the log goes on:
	// the next save tries again.
	ErrShortage = errors.New("wal: no space could be prepared")
	// ErrLocked is returned when another WAL, in this process or another one,
	// has the log open for appending.
	ErrLocked = vfs.ErrLocked
	// ErrReadOnly is returned by Open and Create when the files may not be
	// written. OpenForRead may still work.
	ErrReadOnly = errors.New("wal: no permission to write, which OpenForRead does not need")

	// ErrNotFound is returned for an entry above the last index, and by Compact up to one.
	ErrNotFound = errors.New("wal: no such entry yet")
	// ErrCompacted is returned for an entry below the first index: it was
	// released, purged or compacted, or lies before what the log was restored to, or before
	// the jump that a snapshot made.
	ErrCompacted = errors.New("wal: entry is no longer in the log")
	// ErrOverwritten tells an iteration that what it would yield next, or a follower that what it has
	// yielded, was replaced or dropped since. The error is an *OverwrittenError.
	ErrOverwritten = errors.New("wal: entries were replaced while they were read")
	// ErrIndexGap is returned by a save whose entries would leave a gap behind
	// the last index, and by an open at a snapshot that a gap follows.
	ErrIndexGap = errors.New("wal: gap in the entry indexes")
	// ErrInvalidArgument is returned for a call that can never succeed, such as
	// an entry with index 0, a nil snapshot, or an option out of its range.
	ErrInvalidArgument = errors.New("wal: invalid argument")

	// ErrSnapshotNotFound is returned by an open at a snapshot that the log does not hold, and by
	// Release of one that was not saved.
	ErrSnapshotNotFound = errors.New("wal: snapshot is not in the log")
	// ErrSnapshotMismatch is returned by an open at a snapshot that the log
	// holds with another term.
	ErrSnapshotMismatch = errors.New("wal: snapshot has another term in the log")

	// ErrOtherMetadata is returned by OpenOrCreate for a log with other metadata than was asked for.
	ErrOtherMetadata = errors.New("wal: log has other metadata")

	// ErrCorrupt is returned when acknowledged data is damaged or missing. The
	// error is a *CorruptionError, and nothing on disk was changed.
	ErrCorrupt = errors.New("wal: log is corrupt")
	// ErrMetadataConflict is an ErrCorrupt: two segments hold different metadata.
	ErrMetadataConflict = errors.New("wal: segments disagree on the metadata")

	// ErrEncode is returned by a save when a record's Marshal fails, panics, or
	// breaks its contract, or when the registered type cannot read back what it returned, or
	// reads another index. Nothing was written and the log goes on.
	ErrEncode = errors.New("wal: record cannot be encoded")
	// ErrDecode is returned when a record that is intact on disk is refused by
	// its type's Unmarshal, or is an entry that is read with index 0, or with another one than
	// ReadIndex says: most likely another type was registered when the log was written. Such a log
	// is not damaged, and Repair leaves it alone. A type that reads consistent, but other, indexes
	// shows as a gap in them, which is an [ErrCorrupt]: look at the registry before a Repair.
	ErrDecode = errors.New("wal: record cannot be decoded")
)

// CorruptionError says what is damaged and what is at stake. It satisfies
// errors.Is with [ErrCorrupt].
type CorruptionError struct {
	Segment string // file name of the segment, without its directory
	Offset  int64  // offset in it, in bytes, of the first frame that is not intact
	Reason  string // what is wrong with that frame

	// FirstIndex and LastIndex are the entries at stake: those that would be
	// lost if the log were cut before the damage. The last one is the highest
	// index that can still be made out behind it: that of the damaged record itself may not be among
	// them. Both are 0 if none can. When a read of an open log
	// meets damage, the first one is the entry at the damage, and Verify tells of the rest.
	FirstIndex, LastIndex uint64

	// Err is a more exact cause such as ErrMetadataConflict, or ErrNewerFormat if records of a newer
	// version stand behind the damage; may be nil.
	Err error

	// cut is the end of the last intact save before the damage, where Repair would cut.
	cut place
}

func (e *CorruptionError) Error() string {
	msg := fmt.Sprintf("wal: log is corrupt in segment %s at offset %d: %s", e.Segment, e.Offset, e.Reason)
	if e.LastIndex > 0 {
		msg += fmt.Sprintf("; entries %d to %d are at stake", e.FirstIndex, e.LastIndex)
	}
	msg += "; restore the log from a replica or a backup, open it at a snapshot behind the damage " +
		"if ValidSnapshots lists one, or have Repair cut it, WithCutCorruption"
	if errors.Is(e.Err, ErrNewerFormat) { // Repair refuses it: see repair.cutAt
		msg += ", that of the newer version which wrote it"
	}
	return msg
}

// Is makes every CorruptionError an [ErrCorrupt].
func (e *CorruptionError) Is(target error) bool { return target == ErrCorrupt }

// Unwrap returns Err.
func (e *CorruptionError) Unwrap() error { return e.Err }

// OverwrittenError says from where on the log is another one than the one that an
// iteration has begun to yield. It satisfies errors.Is with [ErrOverwritten].
type OverwrittenError struct {
	Index uint64 // the lowest index replaced or dropped since the iteration began
}

func (e *OverwrittenError) Error() string {
	return fmt.Sprintf("wal: entries from %d on were replaced or dropped while they were read; read on from there", e.Index)
}

// Is makes every OverwrittenError an [ErrOverwritten].
func (e *OverwrittenError) Is(target error) bool { return target == ErrOverwritten }
