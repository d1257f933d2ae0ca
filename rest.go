package wal

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/verdict"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// rest is what stands in the last segment from p, the first offset without a valid record, to the
// end of the file. It answers the questions of [verdict.Evidence] about it. Whatever stands there,
// only a few bytes of it are held in memory.
type rest struct {
	win       *window
	p         frame.Position
	size      int64  // bytes from p to the end of the file
	used      int64  // bytes from p to the last one that is not zero, including it
	crc       uint32 // the chain before p
	trailered bool   // the segment is trailered up to p
	check     frame.Checker

	// head holds the bytes from p on, and zeros after the end of the file.
	head [frame.MaxHead + frame.MaxControl]byte
	// foot holds what follows the payload of the frame at p, by the outline that was looked at
	// last. footAt is its offset, counted from p; 0: it holds nothing yet.
	foot   [frame.MaxFoot]byte
	footAt int64

	flip int64                // the bit that is flipped for now, counted from p; -1: none
	sums map[byteRange]uint32 // the chain after payloads, without the flip
	err  error                // the first error of reading; then nothing else counts

	outline frame.Outline // of the frame at p, as far as it has one; Valid sets it
	bad     error         // what is wrong with that frame
	bit     int64         // the bit that findFlip found, from the start of the file; 0: none
}

// byteRange is a range of bytes, counted from p.
type byteRange struct{ from, to int64 }

// newRest returns the rest of a segment from p on. crc is the chain before p. trailered says that
// the segment is trailered up to p. An error of reading is kept in err.
func newRest(win *window, p frame.Position, crc uint32, trailered bool) *rest {
	t := &rest{win: win, p: p, size: win.size - p.Off, crc: crc, trailered: trailered, flip: -1}
	t.sums = map[byteRange]uint32{}
	t.failed(win.peek(t.head[:], p.Off))
	used, err := win.lastNonZero(p.Off)
	t.failed(err)
	t.used = used - p.Off
	return t
}

// failed keeps err unless an earlier error is kept, and reports whether there is one.
func (t *rest) failed(err error) bool {
	if t.err == nil {
		t.err = err
	}
	return t.err != nil
}

// verdict returns the verdict about the rest. If one flipped bit explains it, bit is that bit,
// counted from the start of the file; otherwise bit is 0. err is an error of reading, with which
// the verdict counts for nothing.
func (t *rest) verdict() (f verdict.Finding, bit int64, err error) {
	f = verdict.Judge(t)
	if f.Row == "8" {
		f.Reason = t.bad.Error()
	}
	return f, t.bit, t.err
}

// Used reports whether anything but zeros stands in the rest. [verdict.Evidence] defines this
// question and those that follow, and their order.
func (t *rest) Used() bool { return t.used > 0 && t.err == nil }

// Valid reports whether there is a valid record at p by now. It keeps the outline of the frame, and
// what is wrong with it, for the questions that follow.
func (t *rest) Valid() bool {
	t.outline, t.bad = t.valid()
	return t.bad == nil
}

// SyncedFollows reports whether a record after p shows that what is at p was on disk.
func (t *rest) SyncedFollows() bool { return t.syncedFollows() }

// Flip returns whether one bit of the frame at p is flipped, and where it is.
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

// NoWord reports whether the length word is zero.
func (t *rest) NoWord() bool { return t.word() == 0 }

// PastEnd reports whether the frame reaches past the end of the file.
func (t *rest) PastEnd() bool { return frame.SizeOf(t.word()) > t.size }

// SectorLost reports whether the frame's part of some sector is all zeros.
func (t *rest) SectorLost() bool { return t.pieces(frame.SizeOf(t.word())).Lost }

// EndLost reports whether there are only zeros from the last byte of the trailer on. It is false
// for a plain frame, which ends with its data. In a trailered segment a frame counts as plain if it
// is plain by its form and whole but for its chain.
func (t *rest) EndLost() bool {
	plain := !t.trailered || t.bad == frame.ErrChain && !t.outline.HasTrailer
	return !plain && t.used < frame.WordSize+frame.RecordSize(t.word())
}

// begins returns the first bytes of the rest, with the flip applied: as many as head holds, unless
// the file ends before.
func (t *rest) begins() []byte {
	b := t.head
	if at := t.flip / 8; t.flip >= 0 && at < int64(len(b)) {
		b[at] ^= 1 << (t.flip % 8)
	}
	return b[:min(int64(len(b)), t.size)]
}

// word returns the length word at p, with the flip applied.
func (t *rest) word() uint64 {
	var b [frame.WordSize]byte
	copy(b[:], t.begins())
	return binary.LittleEndian.Uint64(b[:])
}

// valid verifies the record at p, with the flip applied, and returns its outline. A plain record is
// valid after trailered ones too, because etcd may have gone on with the log. If only the chain is
// wrong, the error is [frame.ErrChain] and the outline is right.
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

// ends returns what follows the payload of the frame at p, with the flip applied.
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

// chain returns the chain after the frame at p, with the flip applied. It reads a payload only
// once, whichever bits of it are flipped: how a flip changes the checksum is computed without the
// payload.
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

// A bit outside the data is within headReach bytes of the start of the frame (length word, header,
// a control record's data) or within footReach bytes of its end (trailer, padding).
const (
	headReach = frame.MaxHead
	footReach = 24
)

// findFlip looks for the single bit of the frame at p that makes it a valid record when it is
// flipped back. The bit is counted from p. ok is false if there is none.
func (t *rest) findFlip() (bit int64, ok bool) {
	o, err := t.valid()
	if err == frame.ErrChain {
		if bit, ok := crc32c.FlippedBit(t.chain(&o)^o.Crc, max(o.DataSize, 0)); ok {
			bit += int64(o.HeadSize) * 8
			return bit, t.withFlip(bit, func() bool { return t.agrees(&o) })
		}
		if o.HasTrailer {
			return 0, false // the check vouches for everything but the data
		}
	}
	size := min(frame.SizeOf(t.word()), t.size)
	head := min(headReach, t.size)
	for bit = 0; bit < head*8; bit++ {
		if t.withFlip(bit, t.corrected) {
			return bit, true
		}
	}
	for bit = max(size-footReach, head) * 8; bit < size*8; bit++ {
		if t.withFlip(bit, t.corrected) {
			return bit, true
		}
	}
	return 0, false
}

// withFlip flips one bit, counted from p, evaluates check, and flips the bit back.
func (t *rest) withFlip(bit int64, check func() bool) bool {
	t.flip = bit
	defer func() { t.flip = -1 }()
	return check()
}

// corrected reports whether there is a valid record at p, with the flip applied, of which no sector
// is lost.
func (t *rest) corrected() bool {
	o, err := t.valid()
	return err == nil && t.agrees(&o) && !t.trailerWithoutWord(&o)
}

// trailerWithoutWord reports whether the plain record that the flip makes is rather a trailered
// record that lost the sector with its length word. The word of such a record reads as zero, and
// one bit set can make it the word of the same record without its trailer. What follows tells the
// two apart: after a plain record stands another plain record; after the record that lost its word
// stands its trailer, or zeros if the trailer was not written either.
func (t *rest) trailerWithoutWord(o *frame.Outline) bool {
	if o.HasTrailer || !t.trailered || t.flip >= frame.WordSize*8 || t.word() != 1<<t.flip {
		return false
	}
	_, plain, err := t.win.plainAt(t.p.Off + o.Size)
	return t.failed(err) || !plain
}

// agrees reports whether the frame at p has the sparsity that its trailer states, and so has lost
// no sector. A frame without a trailer states none, and agrees.
func (t *rest) agrees(o *frame.Outline) bool {
	return !o.HasTrailer || t.pieces(o.Size).Sparsity() == o.Sparsity
}

// pieces returns the pieces of the frame of the given size at p, with the flip applied.
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

// lostWith reports whether the bit, counted from p, lies in a piece of the frame that reads as
// zeros. If so, the loss of that sector would have left the same bytes as the flip.
func (t *rest) lostWith(bit int64) bool {
	var size int64
	t.withFlip(bit, func() bool { size = frame.SizeOf(t.word()); return true })
	return t.pieceZero(t.p.Off, size, t.p.Off+bit/8)
}

// pieceZero reports whether the piece in which off lies is all zeros. It is a piece of the frame of
// the given size that begins at start. Both offsets count from the start of the file.
func (t *rest) pieceZero(start, size, off int64) bool {
	sector := off / frame.SectorSize * frame.SectorSize
	from := max(sector, start)
	b := make([]byte, max(min(sector+frame.SectorSize, start+size)-from, 0))
	return !t.failed(t.win.peek(b, from)) && len(trimZeros(b)) == 0
}

// syncedFollows reports whether a record with a right check that says SYNCED stands after p.
//
// What lies inside a frame proves nothing, because a client can save a payload that contains such a
// record, made for its position. So syncedFollows steps from frame to frame as long as it is
// certain where each of them ends (docs/FORMAT.md 7.2). From the first frame of which that is not
// certain, every multiple of 8 counts.
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

// footLost reports whether the trailer of the frame at off reads as if it had not been written. If
// so, the frame is torn, and it still ends where its length word says: only a frame whose length
// word agrees with the length of its data has an outline, so the word is intact.
func (t *rest) footLost(off int64, o *frame.Outline) bool {
	if !o.HasTrailer {
		return false
	}
	last := off + o.FootAt + walpb.TrailerSize - 1
	return last >= t.p.Off+t.used || t.pieceZero(off, o.Size, last)
}
