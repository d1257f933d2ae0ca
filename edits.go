package wal

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// edit is what one record, or a run of entries, changes in the contents of a log.
type edit struct {
	typ   log.RecordType
	index uint64 // of a snapshot, a control record, or the first entry of the run
	next  uint64 // behind the last entry of the run
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

// entry notes entry i. Entries of one save that stand close together are one note.
func (ns *edits) entry(i uint64, off, save int64, crc uint32) {
	if n := len(*ns); n > 0 && (*ns)[n-1].save == save && (*ns)[n-1].reaches(i, off) {
		(*ns)[n-1].next = i + 1
		return
	}
	*ns = append(*ns, edit{typ: log.EntryType, index: i, next: i + 1, off: off, save: save, crc: crc})
}

// join appends what another save changes. Data is not copied.
func (ns *edits) join(save edits) {
	if n := len(*ns); n > 0 && len(save) > 0 && save[0].typ == log.EntryType && (*ns)[n-1].reaches(save[0].index, save[0].off) {
		(*ns)[n-1].next = save[0].next
		save = save[1:]
	}
	*ns = append(*ns, save...)
}

// asSeenByEtcd takes out what drops entries behind the last entry. etcd sees neither truncations
// nor restorations. If it goes on right behind one, it has read the entries that were dropped as a
// part of the log, maybe acknowledged them, and its next entry follows the last of them: they are back.
// Where an entry was saved in between, that has replaced them in its eyes too.
func (ns edits) asSeenByEtcd() edits {
	i := len(ns)
	for i > 0 && ns[i-1].typ != log.EntryType {
		i--
	}
	behind := slices.DeleteFunc(ns[i:], func(x edit) bool {
		return x.typ == log.CrcType && (x.control == frame.ControlTruncate || x.control == frame.ControlRestore)
	})
	return ns[:i+len(behind)]
}

// reaches tells whether entry i, which stands at off, is to be in the run of entries x. The
// first and the last possible index never are: each has to be looked at by itself.
func (x *edit) reaches(i uint64, off int64) bool {
	return x.typ == log.EntryType && x.next == i && i > 0 && i+1 > 0 && off-x.off < pointSpacing
}

// checkIndex tells whether an entry with index i may follow an entry or snapshot with index last.
func checkIndex(i, last uint64) error {
	switch {
	case i == 0:
		return fmt.Errorf("%w: entry index 0, entries count from 1", ErrInvalidArgument)
	case i > last && i-last > 1:
		return fmt.Errorf("%w: entry %d cannot follow index %d; save entry %d first, or the snapshot that covers the gap",
			ErrIndexGap, i, last, last+1)
	case i == math.MaxUint64:
		return fmt.Errorf("%w: index %d, the largest one is one less", ErrInvalidArgument, i)
	}
	return nil
}
