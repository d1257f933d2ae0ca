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

// Control says what a crc record means besides its checksum.
type Control int

const (
	ControlNone     Control = iota // nothing, or the record is no crc record
	ControlClosed                  // the log was closed here
	ControlTruncate                // the entries above Record.TruncatedTo are dropped
	ControlRestore                 // all before is dropped; the log goes on after Record.RestoredTo
	ControlCompact                 // the entries up to Record.CompactedTo are dropped
)

// Record is one record as it stands in a segment. docs/FORMAT.md 3 and 6 say what records mean.
type Record struct {
	Segment string // file name, without its directory
	Offset  int64  // of its frame in the segment, in bytes
	Size    int64  // of its frame, in bytes: length word, record and padding

	Type       log.RecordType
	HasTrailer bool   // etcd's records have no trailer: then Synced, Commit and Check say nothing
	Synced     bool   // all before it was on stable storage before it was written
	Commit     bool   // a save ends with it
	Check      uint32 // CRC-32C over its header and position
	Crc        uint32 // the chain: running CRC-32C over the data of all records, this one's included

	Control     Control
	TruncatedTo uint64 // with ControlTruncate
	RestoredTo  uint64 // with ControlRestore
	CompactedTo uint64 // with ControlCompact

	// Data is what the type's Marshal returned, and nil if that was nil. It is valid until the next
	// step of the iteration.
	Data []byte
	// Unverified reports whether the checksum of the data could not be verified, because the record
	// before it is damaged. That happens only with WithTolerant.
	Unverified bool
}

// Records returns an iteration over every record in the log in dir, as it stands in the files. It
// is for tools: it includes the records of segment headers and those that others have replaced or
// dropped, and does not decode any. It takes no lock and changes nothing. A writer may be using the
// log: then a part of its last save may show, and segments that it purges before they are read are
// left out.
//
// The iteration ends at the end of the log, without an error even if the tail is torn; or with the
// first error, which at damage is a [*CorruptionError].
//
// With WithTolerant it yields such an error for damage and for a torn tail, which says where it is,
// and goes on at the next position at which a record stands. After damage in a trailered segment,
// that is the next intact record. A plain segment has no checks, so there it is the next record
// whose checksum leads to the one after it.
//
// For a record of a newer version it yields a [*NewerFormatError] and, with WithTolerant, then the
// record.
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
		r.files.init(o, d)
		defer r.files.shut()
		for goOn := true; goOn && len(names) > 0; {
			names, goOn = r.next(names)
		}
	}
}

// next yields the records of the first of the segments that are left, and returns those after it.
// goOn reports whether to go on with them.
func (r *recordReader) next(names []segmentName) (left []segmentName, goOn bool) {
	n := names[0]
	file := segmentFile{&r.files, n}
	size, err := file.Size()
	if errors.Is(err, fs.ErrNotExist) {
		if left, err = leftOf(r.files.dir, n); err == nil {
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

// recordReader yields the records of one segment after the other.
type recordReader struct {
	yield    func(Record, error) bool
	tolerant bool
	files    fileCache
	before   *segmentName // the segment before this one; nil: there is none, or it was purged
	name     segmentName
	dec      decoder
	witness  witness // of what is seen at the end of the last segment
	still    stillness
	finder   finder // of records after damage in this segment
	last     bool   // the last segment, which may have a torn tail
	end      logEnd // what it needs to judge the tail
	records  int    // in this segment
	damaged  bool   // damage was reported in this segment
	spent    int64  // what the search for plain records in this segment has cost, in bytes
}

// report yields damage, and reports whether to go on.
func (r *recordReader) report(damage error) bool {
	return r.yield(Record{}, inDir(damage, r.files.dir.Path())) && r.tolerant
}

// segment yields the records of one segment, and reports whether to go on.
func (r *recordReader) segment(file *segmentFile, size int64, last bool) bool {
	n := file.name
	r.dec = decoder{win: window{f: file, name: n.String(), size: size, buf: r.dec.win.buf[:0]},
		seq: n.seq, crc: r.dec.crc, chained: r.dec.chained, exact: last, check: r.dec.check}
	r.name, r.last, r.end, r.records, r.damaged, r.spent = n, last, logEnd{}, 0, false, 0
	r.witness, r.still = witness{}, stillness{}
	r.finder = finder{win: &r.dec.win, seq: n.seq, block: r.finder.block}
	for {
		off := r.dec.off
		f, err := r.dec.next()
		switch bad, isBad := asBadFrame(err); {
		case err == io.EOF && r.records < headerRecords && !r.damaged:
			r.dec.chained = false
			return r.report(&CorruptionError{Segment: n.String(), Offset: off,
				Reason: "the segment has no header"})
		case err == io.EOF:
			return true
		case isBad:
			goOn, found := r.damage(bad)
			if !found {
				return goOn
			}
		case err != nil:
			if !r.lookAgain(err, false) {
				r.yield(Record{}, fmt.Errorf("wal: %w", err))
				return false
			}
		case !r.record(f, off, false):
			return false
		}
	}
}

// record yields the record of frame f, which stands at off and which the decoder has passed. It
// reports whether to go on.
func (r *recordReader) record(f *frame.Frame, off int64, unverified bool) bool {
	if kind := f.Unknown(); kind != "" {
		if !r.report(&NewerFormatError{Segment: r.dec.win.name, Offset: off, Kind: kind}) {
			return false
		}
	}
	r.records++
	if f.Commits() {
		r.end = logEnd{off: off + f.Size}
	}
	rec := Record{
		Segment: r.dec.win.name, Offset: off, Size: f.Size,
		Type: f.Type, Crc: f.Crc, Data: f.Data, Unverified: unverified,
		HasTrailer: f.HasTrailer,
		Synced:     f.Flags&frame.FlagSynced != 0, Commit: f.Flags&frame.FlagCommit != 0,
	}
	if f.HasTrailer {
		b, err := r.dec.win.at(off, int(f.Size)) // it is still in the buffer
		if err != nil {
			r.yield(Record{}, fmt.Errorf("wal: %w", err))
			return false
		}
		// The value of the trailer is the last 8 bytes of the record. The record begins at 8, after the
		// length word, so the value begins at the record's size.
		trailer := b[frame.RecordSize(binary.LittleEndian.Uint64(b)):]
		rec.Check = binary.LittleEndian.Uint32(trailer)
	}
	rec.setControl(f.Control())
	return r.yield(rec, nil)
}

// setControl sets what the data of a control record says. data is nil for any other record.
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

// lookAgain reports whether what the decoder stopped at may come of a writer. That position is then
// read again.
func (r *recordReader) lookAgain(err error, torn bool) bool {
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
	r.finder = finder{win: win, seq: r.dec.seq, block: r.finder.block}
	r.dec.changed, r.end.torn = 0, nil
	return true
}

// lookAgainBehind is lookAgain for damage in a segment where damage was reported before. What does
// not change in the file is not in doubt.
func (r *recordReader) lookAgainBehind(damage *CorruptionError) bool {
	var word [frame.WordSize]byte
	end := r.dec.win.size
	if err := r.dec.win.peek(word[:], damage.Offset); err == nil {
		end = min(end, damage.Offset+frame.SizeOf(binary.LittleEndian.Uint64(word[:])))
	}
	if r.still.covers(damage.Offset, end) || !r.lookAgain(damage, false) {
		return false
	}
	r.still.look(&r.dec.win, damage.Offset, r.witness.times > 1)
	return true
}

// damage handles an offset without a valid record, which is the end of the log, a torn tail, or
// damage. If found is true, the segment goes on where the decoder now stands: at a record after the
// damage, or where it is read again. Otherwise the segment is done, and goOn reports whether to go
// on with the next one.
func (r *recordReader) damage(bad *badFrame) (goOn, found bool) {
	behind, err := r.dec.win.firstNonZero(bad.off)
	if err != nil {
		if r.lookAgain(err, false) {
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
		again, verdict := r.end.decide(&r.dec, r.name, bad, r.records)
		switch {
		case again:
			return true, true
		case verdict != nil && r.lookAgain(verdict, false):
			return true, true
		case verdict != nil && !errors.As(verdict, &damage):
			r.yield(Record{}, verdict)
			return false, false
		case verdict != nil:
		case !r.tolerant || r.end.torn == nil:
			return true, false // torn
		case r.lookAgain(nil, true):
			return true, true
		case r.witness.moved:
			return true, false // a write in flight
		default:
			damage.Reason = "torn tail: " + r.end.torn.Reason
		}
	} else if r.lookAgainBehind(damage) {
		return true, true
	}
	r.damaged = true
	if !r.report(damage) {
		return false, false
	}
	return r.resync(bad, behind)
}
