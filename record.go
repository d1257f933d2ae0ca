package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// Control is what a crc record tells besides the checksum.
type Control int

const (
	ControlNone     Control = iota // nothing, or it is another record
	ControlClosed                  // the log was closed here
	ControlTruncate                // the entries above Record.TruncatedTo are dropped
	ControlRestore                 // all before is dropped; the log goes on behind Record.RestoredTo
	ControlCompact                 // the entries up to Record.CompactedTo are dropped
)

// Record is one record as it stands in a segment. docs/FORMAT.md has the meaning of all.
type Record struct {
	Segment string // file name, without its directory
	Offset  int64  // of its frame in the segment, in bytes
	Size    int64  // of its frame, in bytes: length word, record and padding

	Type       log.RecordType
	HasTrailer bool   // it has a trailer; etcd's have none, and then the next three say nothing
	Synced     bool   // all before it was on stable storage before it was written
	Commit     bool   // a save ends with it
	Check      uint32 // CRC-32C over its header and place
	Crc        uint32 // the chain: running CRC-32C over the data of all records, this one's included

	Control     Control
	TruncatedTo uint64 // with ControlTruncate
	RestoredTo  uint64 // with ControlRestore
	CompactedTo uint64 // with ControlCompact

	// Data is what the type's Marshal returned; nil if that was nil. It is valid until the next step of the iteration.
	Data []byte
	// Unverified says that the data's checksum could not be checked, because the record before is
	// damaged. That happens only with WithTolerant.
	Unverified bool
}

// Records yields every record in the log in dir, those of segment headers and those that others
// have replaced or dropped included, as they stand in the files: for tools. The
// types of the records are of no concern. It takes no lock and changes nothing. A writer may be
// using the log: its last save may then show in part, and segments that it purges before they are
// read are left out.
//
// It ends at the end of the log, with a nil error also when the tail is torn; or with
// the first error, which is a [*CorruptionError] at damage. With WithTolerant damage and
// a torn tail are reported, as such an error that names the place, and it goes on at the next place
// where a record stands: behind damage in a sealed segment that is the next intact one; in
// a plain segment, which has no checks, the next one that the one behind it bears out.
// A record of a newer version is a [*NewerFormatError]; WithTolerant it is yielded after that.
func Records(dir string, opts ...Option) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		o, d, err := openAt(dir, opts)
		var names []segmentName
		if err == nil {
			defer d.Close()
			names, err = listBeside(d)
		}
		if err != nil {
			yield(Record{}, err)
			return
		}
		r := recordReader{yield: yield, tolerant: o.tolerant}
		r.handles.init(o, d)
		defer r.handles.shut()
		for goOn := true; goOn && len(names) > 0; {
			names, goOn = r.next(names)
		}
	}
}

// next yields the records of the first of the segments that are left, and returns those behind it.
func (r *recordReader) next(names []segmentName) (left []segmentName, goOn bool) {
	n := names[0]
	file := segmentFile{&r.handles, n}
	size, err := file.Size()
	if errors.Is(err, fs.ErrNotExist) {
		if left, err = leftOf(r.handles.dir, n); err == nil {
			r.dec.chained, r.before = false, nil
			return slices.DeleteFunc(left, func(m segmentName) bool { return m.seq <= n.seq }), true
		}
	} else if err != nil {
		err = fmt.Errorf("wal: size of segment %s: %w", n, err)
	}
	if err != nil {
		r.yield(Record{}, err)
		return nil, false
	}
	if r.before != nil && n.seq != r.before.seq+1 {
		_, gap := splitConsecutive([]segmentName{*r.before, n})
		if !r.report(gap) {
			return nil, false
		}
		r.dec.chained = false
	}
	r.before = &n
	return names[1:], r.segment(&file, size, len(names) == 1)
}

// recordReader walks over the frames of segments.
type recordReader struct {
	yield    func(Record, error) bool
	tolerant bool
	handles  fileCache
	before   *segmentName // the segment before; nil: none, or it was purged
	name     segmentName
	dec      decoder
	witness  witness // of what is seen at the end of the last segment
	last     bool    // the last segment, which may have a torn tail
	end      logEnd  // what judging the tail needs
	records  int     // in this segment
	damaged  bool    // damage was reported in this segment
	spent    int64   // on the search for plain records in it, in bytes
}

// report yields damage, and tells whether to go on.
func (r *recordReader) report(damage error) bool { return r.yield(Record{}, damage) && r.tolerant }

// segment yields the records of one segment, and tells whether to go on.
func (r *recordReader) segment(file *segmentFile, size int64, last bool) bool {
	n := file.name
	r.dec = decoder{win: window{f: file, name: n.String(), size: size, buf: r.dec.win.buf[:0]},
		seq: n.seq, crc: r.dec.crc, chained: r.dec.chained, exact: last, check: r.dec.check}
	r.name, r.last, r.end, r.records, r.damaged, r.spent = n, last, logEnd{}, 0, false, 0
	r.witness = witness{}
	for {
		off := r.dec.off
		f, err := r.dec.next()
		switch bad, isBad := asBadFrame(err); {
		case err == io.EOF && r.records < headerRecords && !r.damaged:
			r.dec.chained = false
			return r.report(&CorruptionError{Segment: n.String(), Offset: off, Reason: "the segment has no header"})
		case err == io.EOF:
			return true
		case isBad:
			goOn, found := r.damage(bad)
			if !found {
				return goOn
			}
		case err != nil:
			if !r.doubts(err, false) {
				r.yield(Record{}, fmt.Errorf("wal: %w", err))
				return false
			}
		case !r.record(f, off, false):
			return false
		}
	}
}

// record yields a record that stands at an offset, before which the decoder has stepped over it.
func (r *recordReader) record(f *frame.Frame, off int64, unverified bool) bool {
	if kind := f.Unknown(); kind != "" && !r.report(&NewerFormatError{Segment: r.dec.win.name, Offset: off, Kind: kind}) {
		return false
	}
	r.records++
	if f.Commits() {
		r.end = logEnd{off: off + f.Size}
	}
	rec := Record{
		Segment: r.dec.win.name, Offset: off, Size: f.Size, Type: f.Type, Crc: f.Crc, Data: f.Data, Unverified: unverified,
		HasTrailer: f.HasTrailer, Synced: f.Flags&frame.FlagSynced != 0, Commit: f.Flags&frame.FlagCommit != 0,
	}
	if f.HasTrailer {
		b, err := r.dec.win.at(off, int(f.Size)) // in the buffer still
		if err != nil {
			r.yield(Record{}, fmt.Errorf("wal: %w", err))
			return false
		}
		trailer := b[frame.RecordSize(binary.LittleEndian.Uint64(b)):] // the last 8 of as many bytes behind the length word
		rec.Check = binary.LittleEndian.Uint32(trailer)
	}
	rec.setControl(f.Control())
	return r.yield(rec, nil)
}

// setControl takes over what the data of a control record says; nil is that of any other record.
func (rec *Record) setControl(data []byte) {
	if len(data) == 0 {
		return
	}
	switch kind, i, ok := frame.ParseControl(data); {
	case !ok && data[0] == frame.ControlClosed:
		rec.Control = ControlClosed
	case kind == frame.ControlTruncate:
		rec.Control, rec.TruncatedTo = ControlTruncate, i
	case kind == frame.ControlRestore:
		rec.Control, rec.RestoredTo = ControlRestore, i
	case kind == frame.ControlCompact:
		rec.Control, rec.CompactedTo = ControlCompact, i
	}
}

// doubts tells whether what the decoder stopped at may come of a writer. The place is to be read again then.
func (r *recordReader) doubts(err error, torn bool) bool {
	if !r.last {
		return false
	}
	win := &r.dec.win
	now := sighting{off: r.dec.off, err: err, torn: torn, read: win.size}
	if size, err := win.f.(*segmentFile).Size(); err == nil {
		now.size = size
	}
	if torn {
		now.sum, now.err = win.sum(now.off)
	}
	if !r.witness.doubts(now) {
		return false
	}
	win.size = min(win.size, now.size)
	win.forget()
	r.dec.changed, r.end.torn = 0, nil
	return true
}

// damage deals with a place without a valid record: the end of the log, a torn
// tail, or damage. If found, the decoder stands at a record behind it; else the segment
// is done, and goOn tells whether the next one comes.
func (r *recordReader) damage(bad *badFrame) (goOn, found bool) {
	behind, err := r.dec.win.firstNonZero(bad.off)
	if err != nil {
		if r.doubts(err, false) {
			return true, true
		}
		r.yield(Record{}, fmt.Errorf("wal: %w", err))
		return false, false
	}
	header := r.records < headerRecords
	if behind < 0 && (r.last && !header) {
		return true, false // prepared space
	}
	damage := &CorruptionError{Segment: r.dec.win.name, Offset: bad.off, Reason: bad.cause.Error()}
	if r.last && !r.damaged {
		again, verdict := r.end.judge(&r.dec, r.name, bad, r.records)
		switch {
		case again:
			return true, true
		case verdict != nil && r.doubts(verdict, false):
			return true, true
		case verdict != nil && !errors.As(verdict, &damage):
			r.yield(Record{}, verdict)
			return false, false
		case verdict != nil:
		case !r.tolerant || r.end.torn == nil:
			return true, false // torn
		case r.doubts(nil, true):
			return true, true
		case r.witness.moved:
			return true, false // a write in flight
		default:
			damage.Reason = "torn tail: " + r.end.torn.Reason
		}
	} else if r.doubts(damage, false) {
		return true, true
	}
	r.damaged = true
	if !r.report(damage) {
		return false, false
	}
	return r.resync(bad, behind)
}
