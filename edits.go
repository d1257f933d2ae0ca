package wal

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// edit is what one record, or a row of entries, changes in the contents of a log.
type edit struct {
	typ   log.RecordType
	index uint64 // of a snapshot, a control record, or the first entry of the row
	next  uint64 // after the last entry of the row
	off   int64  // of the frame, in its segment
	save  int64  // where the save begins in the segment
	crc   uint32 // the chain before an entry's frame
	data  []byte // of metadata, a state or a snapshot

	term    uint64 // of a snapshot whose type has one
	termed  bool
	control byte // of a crc record: its kind
}

// edits are in the order of the records.
type edits []edit

// entry adds entry i. Entries of one save that stand close together share one edit.
func (es *edits) entry(i uint64, off, save int64, crc uint32) {
	if n := len(*es); n > 0 && (*es)[n-1].save == save && (*es)[n-1].reaches(i, off) {
		(*es)[n-1].next = i + 1
		return
	}
	*es = append(*es, edit{typ: log.EntryType, index: i, next: i + 1, off: off, save: save, crc: crc})
}

// join appends the edits of another save. Data is not copied.
func (es *edits) join(save edits) {
	if n := len(*es); n > 0 && len(save) > 0 && save[0].typ == log.EntryType &&
		(*es)[n-1].reaches(save[0].index, save[0].off) {
		(*es)[n-1].next = save[0].next
		save = save[1:]
	}
	*es = append(*es, save...)
}

// asSeenByEtcd takes out the truncations and restorations after the last entry, which etcd does not
// see. If etcd goes on with the log after them, it has read the entries that they dropped as part
// of the log, has maybe acknowledged them, and its next entry follows the last of them: they are
// back. If an entry was saved in between, it has replaced them for etcd too.
func (es edits) asSeenByEtcd() edits {
	i := len(es)
	for i > 0 && es[i-1].typ != log.EntryType {
		i--
	}
	behind := slices.DeleteFunc(es[i:], func(x edit) bool {
		return x.typ == log.CrcType &&
			(x.control == frame.ControlTruncate || x.control == frame.ControlRestore)
	})
	return es[:i+len(behind)]
}

// reaches reports whether entry i, which stands at off, belongs to the row of entries x. The
// indexes 0 and MaxUint64 belong to no row: each gets an edit of its own, so that the replay checks
// it by itself.
func (x *edit) reaches(i uint64, off int64) bool {
	return x.typ == log.EntryType && x.next == i && i > 0 && i+1 > 0 && off-x.off < pointSpacing
}

// checkIndex returns an error if an entry with index i may not follow an entry or snapshot with
// index last.
func checkIndex(i, last uint64) error {
	switch {
	case i == 0:
		return fmt.Errorf("%w: entry index 0, entries count from 1", ErrInvalidArgument)
	case i > last && i-last > 1:
		return fmt.Errorf("%w: entry %d cannot follow index %d; "+
			"save entry %d first, or the snapshot that covers the gap", ErrIndexGap, i, last, last+1)
	case i == math.MaxUint64:
		return fmt.Errorf("%w: index %d, the largest one is one less", ErrInvalidArgument, i)
	}
	return nil
}
