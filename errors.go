package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// What a caller can decide on. Every error of this package that has one of these causes satisfies
// errors.Is with it; the text of the error says where it happened and what to do.
var (
	// ErrClosed is returned by every call on a log that was closed, with three exceptions: Close
	// itself, calls with wrong arguments, and calls that return no error. (LastIndex, Stats and the
	// like continue to answer.) Follow first yields what is durable, and Wait returns the result of
	// its save.
	ErrClosed = errors.New("wal: log is closed")
	// ErrFailed is returned by every call on a log whose write or sync has failed once, also after the
	// log was closed, with the same exceptions. The error also wraps the first cause. Nothing more is
	// written; only a new Open recovers.
	ErrFailed = errors.New("wal: log failed")
	// ErrShortage is returned by a save for which no space could be prepared, because the disk is full
	// or no file can be opened. The error also wraps the cause. Nothing was written, and the log goes
	// on: the next save tries again.
	ErrShortage = errors.New("wal: no space could be prepared")
	// ErrLocked is returned when another WAL, in this process or another one, has the log open for
	// appending.
	ErrLocked = vfs.ErrLocked
	// ErrReadOnly is returned by Open and Create when the files may not be written. OpenForRead may
	// still work.
	ErrReadOnly = errors.New("wal: no permission to write, which OpenForRead does not need")

	// ErrNotFound is returned for an entry above the last index, and by Compact up to one.
	ErrNotFound = errors.New("wal: no such entry yet")
	// ErrCompacted is returned for an entry below the first index: it was released, purged or
	// compacted, or lies before what the log was restored to, or before a jump that a snapshot made.
	ErrCompacted = errors.New("wal: entry is no longer in the log")
	// ErrOverwritten is returned to an iteration when the entry that it would yield next was replaced
	// or dropped since it began, and to a follower when an entry that it has yielded was. The error is
	// an *OverwrittenError.
	ErrOverwritten = errors.New("wal: entries were replaced while they were read")
	// ErrIndexGap is returned by a save whose entries would leave a gap behind the last index, and by
	// an open at a snapshot that is followed by a gap.
	ErrIndexGap = errors.New("wal: gap in the entry indexes")
	// ErrInvalidArgument is returned for a call that can never succeed, such as an entry with index 0,
	// a nil snapshot, or an option out of its range.
	ErrInvalidArgument = codec.ErrInvalidArgument

	// ErrSnapshotNotFound is returned by an open at a snapshot that the log does not hold, and by
	// Release of a snapshot that was not saved.
	ErrSnapshotNotFound = errors.New("wal: snapshot is not in the log")
	// ErrSnapshotMismatch is returned by an open at a snapshot that the log holds with another term.
	ErrSnapshotMismatch = codec.ErrSnapshotMismatch

	// ErrOtherMetadata is returned by OpenOrCreate for a log whose metadata is not what was asked for.
	ErrOtherMetadata = errors.New("wal: log has other metadata")

	// ErrCorrupt is returned when acknowledged data is damaged or missing. The error is a
	// *CorruptionError, and nothing on disk was changed.
	ErrCorrupt = errors.New("wal: log is corrupt")
	// ErrMetadataConflict is an ErrCorrupt: two segments hold different metadata.
	ErrMetadataConflict = errors.New("wal: segments disagree on the metadata")

	// ErrNewerFormat is returned when a log holds an intact record of a kind that this version does
	// not know, so a newer version wrote it. The error is a *NewerFormatError. It is no ErrCorrupt,
	// nothing on disk was changed, and Repair refuses such a log.
	ErrNewerFormat = errors.New("wal: log was written by a newer version")

	// ErrEncode is returned by a save when a record's Marshal fails, panics, or breaks its contract,
	// or when the registered type cannot read back what Marshal returned, or reads another index.
	// Nothing was written and the log goes on.
	ErrEncode = codec.ErrEncode
	// ErrDecode is returned when a record that is intact on disk is refused by its type's Unmarshal,
	// or is an entry that is read with index 0 or with another index than ReadIndex returns. Most
	// likely another type was registered when the log was written. Such a log is not damaged, and
	// Repair leaves it alone. A type that reads other indexes, but consistent ones, shows as a gap in
	// them, which is an [ErrCorrupt]: check the registry before a Repair.
	ErrDecode = codec.ErrDecode
)

// CorruptionError says what is damaged, and which entries are at stake. It satisfies errors.Is with
// [ErrCorrupt].
type CorruptionError struct {
	Dir     string // the log's directory
	Segment string // file name of the segment, without its directory
	Offset  int64  // offset in it, in bytes, of the first frame that is not intact
	Reason  string // what is wrong with that frame

	// FirstIndex and LastIndex are the entries at stake: those that would be lost if the log were
	// truncated before the damage. LastIndex is the highest index that can still be made out behind
	// the damage; that of the damaged record itself may not be among them. Both are 0 if none can.
	// When a read of an open log meets damage, FirstIndex is the entry at the damage, and Verify finds
	// the rest.
	FirstIndex, LastIndex uint64

	// Err is a more exact cause, such as ErrMetadataConflict, or ErrNewerFormat if records of a newer
	// version stand behind the damage. It may be nil.
	Err error

	// truncateTo is the end of the last intact save before the damage, where Repair would truncate.
	truncateTo frame.Position
}

func (e *CorruptionError) Error() string {
	msg := fmt.Sprintf("wal: log is corrupt in segment %s of %s at offset %d: %s",
		e.Segment, e.Dir, e.Offset, e.Reason)
	if e.LastIndex > 0 {
		msg += fmt.Sprintf("; entries %d to %d are at stake", e.FirstIndex, e.LastIndex)
	}
	msg += "; restore the log from a replica or a backup, open it at a snapshot behind the damage " +
		"if ValidSnapshots lists one, or have Repair truncate it, WithTruncateCorruption"
	if errors.Is(e.Err, ErrNewerFormat) { // this version's Repair refuses it: see repair.plan
		msg += ", that of the newer version which wrote it"
	}
	return msg
}

// Is makes every CorruptionError an [ErrCorrupt].
func (e *CorruptionError) Is(target error) bool { return target == ErrCorrupt }

// Unwrap returns Err.
func (e *CorruptionError) Unwrap() error { return e.Err }

// OverwrittenError reports that entries from Index on were replaced or dropped after the iteration
// started. It satisfies errors.Is with [ErrOverwritten].
type OverwrittenError struct {
	Index uint64 // the lowest index replaced or dropped since the iteration began
}

func (e *OverwrittenError) Error() string {
	return fmt.Sprintf("wal: entries from %d on were replaced or dropped while they were read; "+
		"read on from there", e.Index)
}

// Is makes every OverwrittenError an [ErrOverwritten].
func (e *OverwrittenError) Is(target error) bool { return target == ErrOverwritten }

// NewerFormatError says which record is of a newer version. It satisfies errors.Is with
// [ErrNewerFormat]. docs/FORMAT.md 8 has the rule that distinguishes it from damage.
type NewerFormatError struct {
	Dir     string // the log's directory
	Segment string // file name of the segment, without its directory
	Offset  int64  // offset of the record in it, in bytes
	Kind    string // what this version does not know, such as "a record of type 7"
}

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("wal: log was written by a newer version: "+
		"segment %s of %s holds at offset %d %s, which this version does not know; "+
		"open it with the version that wrote it, or a later one", e.Segment, e.Dir, e.Offset, e.Kind)
}

// Is makes every NewerFormatError an [ErrNewerFormat].
func (e *NewerFormatError) Is(target error) bool { return target == ErrNewerFormat }

// inDir tells an error about damage, or about a newer version, in which directory the log is.
func inDir(err error, dir string) error {
	var corrupt *CorruptionError
	if errors.As(err, &corrupt) {
		corrupt.Dir = dir
	}
	var newer *NewerFormatError
	if errors.As(err, &newer) {
		newer.Dir = dir
	}
	return err
}

// TornTail describes the bytes behind the last whole save. They belong to a save that was never
// acknowledged, because a crash interrupted it.
type TornTail struct {
	Segment string // file name of the segment, without its directory
	Offset  int64  // where the log ends in it, in bytes
	Bytes   int64  // from there to the last byte that is not zero
	Reason  string // why these bytes are no save
}

// asReadOnly adds ErrReadOnly to an error of the system that means that writing is not permitted.
func asReadOnly(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
