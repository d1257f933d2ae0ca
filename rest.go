package wal

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/verdict"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// rest is what is seen from p, the first offset of the last segment without a valid record, to the
// end of the file. Nothing of it is held in memory but a few bytes, whatever stands there.
type rest struct {
	win       *window
	p         frame.Position
	size      int64  // bytes from p to the end of the file
	used      int64  // bytes from p to the last one that is not zero
	crc       uint32 // the chain before p
	trailered bool
	check     frame.Checker

	head   [frame.MaxHead + frame.MaxControl]byte // the first bytes from p on, zeros behind the end of the file
	foot   [frame.MaxFoot]byte                    // what is behind the payload of the frame that was looked at last
	footAt int64                                  // where that is, from p; 0: nowhere
	flip   int64                                  // the bit that is put back for now, counted from p; -1: none
	sums   map[byteRange]uint32                   // the chain behind payloads, without the flip
	err    error                                  // what went wrong in reading; nothing else counts then

	outline frame.Outline // of what is at p, as far as it has one
	bad     error         // what is wrong with it
	bit     int64         // the one that findFlip found, counted from the start of the file; 0: none
}

// byteRange is a range of bytes, counted from p.
type byteRange struct{ from, to int64 }

// newRest makes a tail of what stands in a segment from p on. crc is the chain before p.
func newRest(win *window, p frame.Position, crc uint32, sealed bool) *rest {
	t := &rest{win: win, p: p, size: win.size - p.Off, crc: crc, trailered: sealed, flip: -1}
	t.sums = map[byteRange]uint32{}
	t.failed(win.peek(t.head[:], p.Off))
	used, err := win.lastNonZero(p.Off)
	t.failed(err)
	t.used = used - p.Off
	return t
}

// failed keeps the first error, and tells whether there is one.
func (t *rest) failed(err error) bool {
	if t.err == nil {
		t.err = err
	}
	return t.err != nil
}

// verdict returns the verdict. Where one flipped bit explains it, bit is that bit, counted from the
// start of the file; else 0.
func (t *rest) verdict() (f verdict.Finding, bit int64, err error) {
	f = verdict.Judge(t)
	if f.Row == "8" {
		f.Reason = t.bad.Error()
	}
	return f, t.bit, t.err
}

// Used is evidence: see verdict.Evidence, which also orders the questions that follow.
func (t *rest) Used() bool { return t.used > 0 && t.err == nil }

// Valid is evidence. It keeps what is wrong with the record for the questions behind it.
func (t *rest) Valid() bool {
	t.outline, t.bad = t.valid()
	return t.bad == nil
}

// SyncedFollows is evidence.
func (t *rest) SyncedFollows() bool { return t.syncedFollows() }

// Flip is evidence.
func (t *rest) Flip() verdict.Flip {
	bit, ok := t.findFlip()
	if !ok {
		return verdict.NoFlip
	}
	t.bit = t.p.Off*8 + bit
	if t.lostWith(bit) {
		return verdict.FlipInLostSector
	}
	return verdict.FlipElsewhere
}

// NoWord is evidence.
func (t *rest) NoWord() bool { return t.word() == 0 }

// PastEnd is evidence.
func (t *rest) PastEnd() bool { return frame.SizeOf(t.word()) > t.size }

// SectorLost is evidence.
func (t *rest) SectorLost() bool { return t.pieces(frame.SizeOf(t.word())).Lost }

// EndLost is evidence. The form of a frame alone tells whether it is plain: then it ends with its
// data.
func (t *rest) EndLost() bool {
	plain := !t.trailered || t.bad == frame.ErrChain && !t.outline.HasTrailer
	return !plain && t.used < frame.WordSize+frame.RecordSize(t.word())
}

// begins returns the first bytes from p on, with the bit that is put back.
func (t *rest) begins() []byte {
	b := t.head
	if at := t.flip / 8; t.flip >= 0 && at < int64(len(b)) {
		b[at] ^= 1 << (t.flip % 8)
	}
	return b[:min(int64(len(b)), t.size)]
}

// word is the length word at p.
func (t *rest) word() uint64 {
	var b [frame.WordSize]byte
	copy(b[:], t.begins())
	return binary.LittleEndian.Uint64(b[:])
}

// valid tells whether there is a valid record at p: behind sealed records also a plain one, with
// which etcd went on. The outline is returned also when only its chain is wrong.
func (t *rest) valid() (frame.Outline, error) {
	head := t.begins()
	o, err := frame.OutlineOf(head[:min(len(head), frame.MaxHead)])
	if err == nil || err == frame.ErrRecord {
		if o.Size > t.size {
			err = frame.ErrPastEnd
		}
	}
	if err == nil {
		err = t.check.Vouch(&o, head, t.ends(&o), t.p)
	}
	switch {
	case err != nil:
		return o, err
	case o.HasTrailer && !t.trailered:
		return o, frame.ErrTrailerBehindPlain
	case t.chain(&o) != o.Crc:
		return o, frame.ErrChain
	}
	return o, nil
}

// ends returns what is behind the payload of the frame at p, with the bit that is put back.
func (t *rest) ends(o *frame.Outline) []byte {
	if t.footAt != o.FootAt {
		t.footAt = o.FootAt
		t.failed(t.win.peek(t.foot[:], t.p.Off+o.FootAt))
	}
	b := t.foot
	if at := t.flip/8 - o.FootAt; t.flip >= 0 && at >= 0 && at < int64(len(b)) {
		b[at] ^= 1 << (t.flip % 8)
	}
	return append([]byte(nil), b[:o.Size-o.FootAt]...)
}

// chain returns the running checksum behind the frame at p. A payload is read once, whatever bits
// of it are put back: by how much one changes the checksum can be told without it.
func (t *rest) chain(o *frame.Outline) uint32 {
	if o.Type == log.CrcType || o.DataSize <= 0 {
		return t.crc
	}
	s := byteRange{int64(o.HeadSize), o.FootAt}
	sum, ok := t.sums[s]
	if !ok {
		var err error
		sum, err = t.win.crcOver(t.crc, t.p.Off+s.from, t.p.Off+s.to)
		t.failed(err)
		t.sums[s] = sum
	}
	if t.flip >= s.from*8 && t.flip < s.to*8 {
		sum ^= crc32c.Flip(s.to*8 - 1 - t.flip)
	}
	return sum
}

const (
	// A flipped bit outside the data is within this many bytes from the start of the
	// frame (length word, header, a control record's data) or from its end (trailer, padding).
	headReach = frame.MaxHead
	tailReach = 24
)

// findFlip finds the single bit of the frame at p that makes it a valid
// record when it is put back. The bit counts from p.
func (t *rest) findFlip() (bit int64, ok bool) {
	o, err := t.valid()
	if err == frame.ErrChain {
		if bit, ok := crc32c.FlippedBit(t.chain(&o)^o.Crc, max(o.DataSize, 0)); ok {
			bit += int64(o.HeadSize) * 8
			return bit, t.withFlip(bit, func() bool { return t.agrees(&o) })
		}
		if o.HasTrailer {
			return 0, false // the check has vouched for everything but the data
		}
	}
	size := min(frame.SizeOf(t.word()), t.size)
	head := min(headReach, t.size)
	for bit = 0; bit < head*8; bit++ {
		if t.withFlip(bit, t.corrected) {
			return bit, true
		}
	}
	for bit = max(size-tailReach, head) * 8; bit < size*8; bit++ {
		if t.withFlip(bit, t.corrected) {
			return bit, true
		}
	}
	return 0, false
}

// withFlip flips one bit, evaluates check, and flips the bit back.
func (t *rest) withFlip(bit int64, check func() bool) bool {
	t.flip = bit
	defer func() { t.flip = -1 }()
	return check()
}

// corrected reports whether there is a valid record at p now, of which no sector is lost.
func (t *rest) corrected() bool {
	o, err := t.valid()
	return err == nil && t.agrees(&o) && !t.trailerWithoutWord(&o)
}

// trailerWithoutWord reports whether what is now a plain record is rather a sealed one, of which the
// sector with the length word was not written. The word then is zero, and with one bit it can be
// that of the same record without its trailer. In place of another plain record the trailer
// follows, or zeros, if it was not written either.
func (t *rest) trailerWithoutWord(o *frame.Outline) bool {
	if o.HasTrailer || !t.trailered || t.flip >= frame.WordSize*8 || t.word() != 1<<t.flip {
		return false
	}
	_, plain, err := t.win.plainAt(t.p.Off + o.Size)
	return t.failed(err) || !plain
}

// agrees tells whether the frame at p is as thin as it says: no sector of it is lost. One
// without a trailer does not say.
func (t *rest) agrees(o *frame.Outline) bool {
	return !o.HasTrailer || t.pieces(o.Size).Sparsity() == o.Sparsity
}

// pieces looks at the pieces of a frame of some size at p, with the bit that is put back.
func (t *rest) pieces(size int64) *frame.Pieces {
	all := &frame.Pieces{Off: t.p.Off}
	for p, err := range t.win.stretch(t.p.Off, t.p.Off+size) {
		if t.failed(err) {
			break
		}
		at := t.p.Off + t.flip/8 - p.off
		flipped := t.flip >= 0 && at >= 0 && at < p.size
		bit := byte(1) << (max(t.flip, 0) % 8)
		switch {
		case p.data == nil && flipped:
			all.Zeros(at)
			all.Add([]byte{bit})
			all.Zeros(p.size - at - 1)
		case p.data == nil:
			all.Zeros(p.size)
		case flipped:
			p.data[at] ^= bit
			all.Add(p.data)
			p.data[at] ^= bit
		default:
			all.Add(p.data)
		}
	}
	all.End()
	return all
}

// lostWith tells whether the bit lies in a piece of the frame that reads as
// zeros, so that a lost sector would have left these very bytes.
func (t *rest) lostWith(bit int64) bool {
	var size int64
	t.withFlip(bit, func() bool { size = frame.SizeOf(t.word()); return true })
	return t.pieceZero(t.p.Off, size, t.p.Off+bit/8)
}

// pieceZero tells whether the piece of a frame, which has a place in the file and a size, that an
// offset lies in is all zeros.
func (t *rest) pieceZero(start, size, off int64) bool {
	sector := off / frame.SectorSize * frame.SectorSize
	from := max(sector, start)
	b := make([]byte, max(min(sector+frame.SectorSize, start+size)-from, 0))
	return !t.failed(t.win.peek(b, from)) && len(trimZeros(b)) == 0
}

// syncedFollows looks behind p for a record with a correct check that says SYNCED.
//
// What lies inside a frame proves nothing, since a client can compute a payload that holds such a
// record at its place. So the frames are passed one by one as long as there is no doubt where each
// of them ends; every multiple of 8 counts from where there is.
func (t *rest) syncedFollows() bool {
	if !t.trailered {
		return false
	}
	f := finder{win: t.win, seq: t.p.Seq}
	for off := t.p.Off; off < t.p.Off+t.used; {
		o, _, err := t.win.outlineAt(&t.check, frame.Position{Seq: t.p.Seq, Off: off})
		switch {
		case t.failed(err):
			return false
		case o.Intact && off > t.p.Off && o.Flags&frame.FlagSynced != 0:
			return true
		case o.Intact || t.footLost(off, &o):
			off += o.Size
			continue
		}
		at, err := f.first(off+frame.WordSize, frame.FlagSynced)
		return !t.failed(err) && at >= 0
	}
	return false
}

// footLost tells whether the trailer of a frame reads as if it had not been written. The two
// lengths that the frame states agree, or it had no outline: so its length word is intact, and it
// is torn.
func (t *rest) footLost(off int64, o *frame.Outline) bool {
	if !o.HasTrailer {
		return false
	}
	mark := off + o.FootAt + walpb.TrailerSize - 1
	return mark >= t.p.Off+t.used || t.pieceZero(off, o.Size, mark)
}
