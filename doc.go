// Package wal is a write-ahead log for state machines of the Raft kind, to be embedded in a
// program.
//
// A log is a directory of segment files. Saves are appended to the last one as records, each
// checked and chained to the one before by CRC-32C, and made durable with one sync. What the
// records are is up to the program: its own entry, state and snapshot types are plugged in through
// package log; package walpb has defaults that are wire-compatible with etcd's. The files are
// etcd's WAL files with one more protobuf field, which etcd's reader skips.
//
// # Use
//
//	w, err := wal.Create(logger, dir, metadata)    // a new log; OpenOrCreate takes either
//	w, err := wal.Open(logger, dir, snapshot)      // an existing one
//	_, state, entries, err := w.ReadAll()          // what to replay
//	err = w.Save(state, entries)                   // durable when it returns nil
//	err = w.SaveSnap(snapshot)                     // the state machine has a snapshot
//	err = w.Release(snapshot); _, err = w.Purge()  // delete what is older than it
//	err = w.Restore(snapshot, state, entries)      // a snapshot from elsewhere replaces all
//	err = w.Compact(index)                         // drop entries without a snapshot
//	err = w.Backup(dir)                            // a copy that opens
//	err = w.Close()
//
// There is one mode: a WAL that Create, Open or OpenOrCreate returned can be read and appended to
// at once, from any goroutine. [OpenForRead], [Verify], [ValidSnapshots], [Records] and the
// function [Backup] read a log without locking or changing it, also beside a writer. [Repair] locks
// the log, and is for one that is not open anywhere.
//
// # What is guaranteed
//
//   - A save that returned nil is on stable storage, and so is everything that Open returned. A
//     save is atomic: after a crash either all of it is there or nothing, and never a later save
//     without an earlier one.
//   - A torn tail, which is what a crash leaves of a save that was never acknowledged, does not
//     stop an open. Open heals it, with a warning.
//   - Damage to anything that was acknowledged is an error, [ErrCorrupt]: the log never returns
//     other data instead, and nothing on disk is changed. Nor does it silently return less, with
//     three exceptions: zeros over the end of a log that was not closed look like saves that never
//     were; a log whose last segment is cut short or gone looks like an older one; and one whose
//     first segments are gone looks purged, unless it is opened at a snapshot, if only an empty
//     one. docs/DURABILITY.md describes them, and what holds in etcd's format.
//   - The first write or sync that fails, of a segment or of the names in the directory, is final:
//     every later call that can return an error returns that failure, [ErrFailed]. After a failed
//     sync the kernel may have dropped the data, so a retry proves nothing. Close the log, mend the
//     cause, and open it again. A shortage in preparing space ahead is not such a failure: the
//     preparation is tried again when the space is needed.
//   - Bad data, and bad calls on a log that was opened, give errors: no panics, and no allocation
//     of a size that only a damaged length asks for.
//
// All of this assumes that a 512-byte sector is written whole or not at all, and that a successful
// sync means stable storage. docs/FORMAT.md has the format and the recovery rules, ARCHITECTURE.md
// the way through the code.
//
// # Errors
//
// What a caller can decide on is a sentinel, to be tested with errors.Is: [ErrClosed], [ErrFailed],
// [ErrShortage], [ErrLocked], [ErrReadOnly], [ErrNotFound], [ErrCompacted], [ErrOverwritten],
// [ErrIndexGap], [ErrInvalidArgument], [ErrSnapshotNotFound], [ErrSnapshotMismatch],
// [ErrOtherMetadata], [ErrMetadataConflict], [ErrCorrupt], [ErrNewerFormat], [ErrEncode] and
// [ErrDecode]; fs.ErrExist for a log that exists already and fs.ErrNotExist for one that does not;
// and errors.ErrUnsupported for what etcd's format has no record for. The details of an ErrCorrupt
// are in a [*CorruptionError].
package wal
