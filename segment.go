package wal

import (
	"cmp"
	"fmt"
	"sort"
	"strconv"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// segmentName is the name of a segment: its number, and the last entry or snapshot index plus 1, as
// it was when the segment was begun. Its first entry has that index, unless it replaces earlier
// ones or comes after a snapshot in the same segment. The first segment has 0 and 0.
type segmentName struct{ seq, index uint64 }

// segmentForm is the form of a name, with zeros in place of the digits.
const segmentForm = "0000000000000000-0000000000000000.wal"

// String returns the name of the file. It does not use fmt, because it is needed for every reading.
func (n segmentName) String() string {
	b := []byte(segmentForm)
	putHex(b[:16], n.seq)
	putHex(b[17:33], n.index)
	return string(b)
}

// putHex writes the hexadecimal digits of x over all of b.
func putHex(b []byte, x uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = "0123456789abcdef"[x&15]
		x >>= 4
	}
}

// before returns the last entry or snapshot index at the time when the segment was begun.
func (n segmentName) before() uint64 { return max(n.index, 1) - 1 }

// compare returns the order of two segments, which is that of their names.
func (n segmentName) compare(o segmentName) int {
	return cmp.Or(cmp.Compare(n.seq, o.seq), cmp.Compare(n.index, o.index))
}

// parseSegmentName returns the segment that has s as its name. ok is false if s is no segment's
// name.
func parseSegmentName(s string) (n segmentName, ok bool) {
	if len(s) != len(segmentForm) {
		return n, false
	}
	seq, err1 := strconv.ParseUint(s[:16], 16, 64)
	index, err2 := strconv.ParseUint(s[17:33], 16, 64)
	n = segmentName{seq, index}
	return n, err1 == nil && err2 == nil && n.String() == s
}

// segment is a segment of a log that is open for writing. Its file is open as long as this process
// holds its lock, and nil otherwise.
type segment struct {
	segmentName
	file vfs.File
}

// listSegments returns the segments of a directory in the order of their numbers. It ignores other
// files. A directory without a segment is an error.
func listSegments(d vfs.Dir) ([]segmentName, error) {
	files, err := d.List()
	if err != nil {
		return nil, fmt.Errorf("wal: list segments: %w", err)
	}
	var names []segmentName
	for _, f := range files { // the order of the names is the order of the numbers
		if n, ok := parseSegmentName(f); ok {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil, noLog(d.Path())
	}
	return names, nil
}

// fromOldest is the picker that picks the oldest segment.
func fromOldest([]segmentName) (int, error) { return 0, nil }

// holding returns the position in names of the segment at which a reader of the entries above index
// has to begin, and -1 if that segment is gone. All entries above index that are still in the log
// stand in that segment or later: when a segment is begun, the index in its name and all higher
// ones are still free.
func holding(names []segmentName, index uint64) int {
	for i := len(names) - 1; i >= 0; i-- {
		if names[i].index <= index {
			return i
		}
	}
	return -1
}

// holders finds segments as holding does. Segments are added to it in the order of their numbers.
// It keeps those that holding can return: a segment is never returned again once there is a later
// one whose name has the same index or a lower one. So its names ascend.
type holders struct {
	names []segmentName
	next  uint64 // the number of the next segment to add
}

// add adds a segment.
func (h *holders) add(n segmentName) {
	i := len(h.names)
	for i > 0 && h.names[i-1].index >= n.index {
		i--
	}
	h.names, h.next = append(h.names[:i], n), n.seq+1
}

// find returns the segment at which a reader of the entries above index has to begin. ok is false
// if it is gone.
func (h *holders) find(index uint64) (n segmentName, ok bool) {
	i := sort.Search(len(h.names), func(i int) bool { return h.names[i].index > index })
	if i == 0 {
		return n, false
	}
	return h.names[i-1], true
}

// dropBefore forgets the segments before number seq.
func (h *holders) dropBefore(seq uint64) {
	n := sort.Search(len(h.names), func(i int) bool { return h.names[i].seq >= seq })
	h.names = dropFront(h.names, n)
}

// dropFront returns s without its first n elements, and lets go of what they hold. It copies the
// others only if no more of them are left than are dropped, so that dropping all of them one after
// the other does not copy the others each time.
func dropFront[S ~[]E, E any](s S, n int) S {
	left := s[n:]
	if n > 0 && n >= len(left) {
		return append(S(nil), left...)
	}
	clear(s[:n])
	return left
}

// header is what the first records of a segment say.
type header struct {
	name      segmentName
	crc       uint32 // the chain before the segment
	metadata  []byte
	state     []byte // nil: none was ever saved
	snapshot  []byte // of the first segment
	trailered bool
	end       int64 // its length in bytes, once it is encoded
}

// encode starts a batch with the header, which is the first save of the segment.
func (h header) encode(e *encoder) {
	e.start(frame.Position{Seq: h.name.seq}, h.crc, h.trailered, true)
	e.appendBytes(log.CrcType, nil, 0)
	switch {
	case h.name.seq == 0:
		e.appendBytes(log.MetadataType, h.metadata, 0)
		e.appendBytes(log.SnapshotType, h.snapshot, frame.FlagCommit)
	case h.state != nil:
		e.appendBytes(log.MetadataType, h.metadata, 0)
		e.appendBytes(log.StateType, h.state, frame.FlagCommit)
	default:
		e.appendBytes(log.MetadataType, h.metadata, frame.FlagCommit)
	}
}

// fillSegment writes the first bytes of a new segment to its file, durably. They are on stable
// storage before the segment gets its name. So a segment that has its name has a whole header,
// whatever crash comes.
func fillSegment(f vfs.File, b []byte, r *zeroed) error {
	if _, err := f.WriteAt(b, 0); err != nil {
		return fmt.Errorf("write segment header: %w", err)
	}
	if err := r.extend(f, len(b), int64(len(b))); err != nil {
		return fmt.Errorf("write zeros: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync segment header: %w", err)
	}
	return nil
}

// nameSegment gives a filled file the name that makes it part of the log, durably: nothing that is
// saved in it later can vanish with its name.
func nameSegment(d vfs.Dir, f vfs.File, tmp string, n segmentName) error {
	if err := d.Rename(tmp, n.String()); err != nil {
		return fmt.Errorf("name segment: %w", err)
	}
	f.Renamed(n.String())
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	return nil
}

// headerRecords is how many records every segment begins with: the crc record with the chain, and
// the metadata. The header may have a third one, a snapshot or a state (docs/FORMAT.md 4). In a
// trailered segment the COMMIT shows where it ends; in a plain one a third record counts as a save
// of its own.
const headerRecords = 2
