package wal

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/internal/verdict"
	"github.com/seed449c39bc/wal/log"
)

// tail is what is seen from p, the first offset of the last segment without a valid record, to the
// end of the file. Nothing of it is held in memory but a few bytes, whatever stands there.
type tail struct {
	win    *window
	p      place
	size   int64  // bytes from p to the end of the file
	used   int64  // bytes from p to the last one that is not zero
	crc    uint32 // the chain before p
	sealed bool
	check  checker

	head   [headSize + maxControl]byte // the first bytes from p on, zeros behind the end of the file
	foot   [footSize]byte              // what is behind the payload of the frame that was looked at last
	footAt int64                       // where that is, from p; 0: nowhere
	flip   int64                       // the bit that is put back for now, counted from p; -1: none
	sums   map[byteRange]uint32        // the chain behind payloads, without the flip
	err    error                       // what went wrong in reading; nothing else counts then

	outline outline // of what is at p, as far as it has one
	bad     error   // what is wrong with it
	bit     int64   // the one that findFlip found, counted from the start of the file; 0: none
}

// byteRange is a range of bytes, counted from p.
type byteRange struct{ from, to int64 }

// newTail makes a tail of what stands in a segment from p on. crc is the chain before p.
func newTail(win *window, p place, crc uint32, sealed bool) *tail {
	t := &tail{win: win, p: p, size: win.size - p.off, crc: crc, sealed: sealed, flip: -1}
	t.sums = map[byteRange]uint32{}
	t.failed(win.peek(t.head[:], p.off))
	used, err := win.lastNonZero(p.off)
	t.failed(err)
	t.used = used - p.off
	return t
}

// failed keeps the first error, and tells whether there is one.
func (t *tail) failed(err error) bool {
	if t.err == nil {
		t.err = err
	}
	return t.err != nil
}

// judge returns the verdict. Where one flipped bit explains it, bit is that bit, counted from the
// start of the file; else 0.
func (t *tail) judge() (f verdict.Finding, bit int64, err error) {
	f = verdict.Judge(t)
	if f.Row == "8" {
		f.Reason = t.bad.Error()
	}
	return f, t.bit, t.err
}

// Used is evidence: see verdict.Evidence, which also orders the questions that follow.
func (t *tail) Used() bool { return t.used > 0 && t.err == nil }

// Valid is evidence. It keeps what is wrong with the record for the questions behind it.
func (t *tail) Valid() bool {
	t.outline, t.bad = t.valid()
	return t.bad == nil
}

// SyncedFollows is evidence.
func (t *tail) SyncedFollows() bool { return t.syncedFollows() }

// Flip is evidence.
func (t *tail) Flip() verdict.Flip {
	bit, ok := t.findFlip()
	if !ok {
		return verdict.NoFlip
	}
	t.bit = t.p.off*8 + bit
	if t.lostWith(bit) {
		return verdict.FlipInLostSector
	}
	return verdict.FlipElsewhere
}

// NoWord is evidence.
func (t *tail) NoWord() bool { return t.word() == 0 }

// PastEnd is evidence.
func (t *tail) PastEnd() bool { return frameSize(t.word()) > t.size }

// SectorLost is evidence.
func (t *tail) SectorLost() bool { return t.pieces(frameSize(t.word())).lost }

// EndLost is evidence. The form of a frame alone tells whether it is plain: then it ends with its
// data.
func (t *tail) EndLost() bool {
	plain := !t.sealed || t.bad == errChain && !t.outline.sealed
	return !plain && t.used < wordSize+int64(t.word()&wordLenMask)
}

// begins returns the first bytes from p on, with the bit that is put back.
func (t *tail) begins() []byte {
	b := t.head
	if at := t.flip / 8; t.flip >= 0 && at < int64(len(b)) {
		b[at] ^= 1 << (t.flip % 8)
	}
	return b[:min(int64(len(b)), t.size)]
}

// word is the length word at p.
func (t *tail) word() uint64 {
	var b [wordSize]byte
	copy(b[:], t.begins())
	return binary.LittleEndian.Uint64(b[:])
}

// valid tells whether there is a valid record at p: behind sealed records also a plain one, with
// which etcd went on. The outline is returned also when only its chain is wrong.
func (t *tail) valid() (outline, error) {
	head := t.begins()
	o, err := outlineOf(head[:min(len(head), headSize)])
	if err == nil || err == errRecord {
		if o.size > t.size {
			err = errPastEnd
		}
	}
	if err == nil {
		err = t.check.vouch(&o, head, t.ends(&o), t.p)
	}
	switch {
	case err != nil:
		return o, err
	case o.sealed && !t.sealed:
		return o, errSealed
	case t.chain(&o) != o.crc:
		return o, errChain
	}
	return o, nil
}

// ends returns what is behind the payload of the frame at p, with the bit that is put back.
func (t *tail) ends(o *outline) []byte {
	if t.footAt != o.foot {
		t.footAt = o.foot
		t.failed(t.win.peek(t.foot[:], t.p.off+o.foot))
	}
	b := t.foot
	if at := t.flip/8 - o.foot; t.flip >= 0 && at >= 0 && at < int64(len(b)) {
		b[at] ^= 1 << (t.flip % 8)
	}
	return append([]byte(nil), b[:o.size-o.foot]...)
}

// chain returns the running checksum behind the frame at p. A payload is read once, whatever bits
// of it are put back: by how much one changes the checksum can be told without it.
func (t *tail) chain(o *outline) uint32 {
	if o.typ == log.CrcType || o.data <= 0 {
		return t.crc
	}
	s := byteRange{int64(o.header), o.foot}
	sum, ok := t.sums[s]
	if !ok {
		var err error
		sum, err = t.win.crcOver(t.crc, t.p.off+s.from, t.p.off+s.to)
		t.failed(err)
		t.sums[s] = sum
	}
	if t.flip >= s.from*8 && t.flip < s.to*8 {
		sum ^= crcOfFlip(s.to*8 - 1 - t.flip)
	}
	return sum
}

const (
	// A flipped bit outside the data is within this many bytes from the start of the
	// frame (length word, header, a control record's data) or from its end (trailer, padding).
	headReach = headSize
	tailReach = 24
)

// findFlip finds the single bit of the frame at p that makes it a valid
// record when it is put back. The bit counts from p.
func (t *tail) findFlip() (bit int64, ok bool) {
	o, err := t.valid()
	if err == errChain {
		if bit, ok := flippedBit(t.chain(&o)^o.crc, max(o.data, 0)); ok {
			bit += int64(o.header) * 8
			return bit, t.withFlip(bit, func() bool { return t.agrees(&o) })
		}
		if o.sealed {
			return 0, false // the check has vouched for everything but the data
		}
	}
	size := min(frameSize(t.word()), t.size)
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
func (t *tail) withFlip(bit int64, check func() bool) bool {
	t.flip = bit
	defer func() { t.flip = -1 }()
	return check()
}

// corrected reports whether there is a valid record at p now, of which no sector is lost.
func (t *tail) corrected() bool {
	o, err := t.valid()
	return err == nil && t.agrees(&o) && !t.sealedWithoutWord(&o)
}

// sealedWithoutWord reports whether what is now a plain record is rather a sealed one, of which the
// sector with the length word was not written. The word then is zero, and with one bit it can be
// that of the same record without its trailer. In place of another plain record the trailer
// follows, or zeros, if it was not written either.
func (t *tail) sealedWithoutWord(o *outline) bool {
	if o.sealed || !t.sealed || t.flip >= wordSize*8 || t.word() != 1<<t.flip {
		return false
	}
	_, plain, err := t.win.plainAt(t.p.off + o.size)
	return t.failed(err) || !plain
}

// agrees tells whether the frame at p is as thin as it says: no sector of it is lost. One
// without a trailer does not say.
func (t *tail) agrees(o *outline) bool {
	return !o.sealed || t.pieces(o.size).thinness() == o.thin
}

// pieces looks at the pieces of a frame of some size at p, with the bit that is put back.
func (t *tail) pieces(size int64) *pieces {
	all := &pieces{off: t.p.off}
	for p, err := range t.win.stretch(t.p.off, t.p.off+size) {
		if t.failed(err) {
			break
		}
		at := t.p.off + t.flip/8 - p.off
		flipped := t.flip >= 0 && at >= 0 && at < p.size
		bit := byte(1) << (max(t.flip, 0) % 8)
		switch {
		case p.data == nil && flipped:
			all.zeros(at)
			all.add([]byte{bit})
			all.zeros(p.size - at - 1)
		case p.data == nil:
			all.zeros(p.size)
		case flipped:
			p.data[at] ^= bit
			all.add(p.data)
			p.data[at] ^= bit
		default:
			all.add(p.data)
		}
	}
	all.end()
	return all
}

// lostWith tells whether the bit lies in a piece of the frame that reads as
// zeros, so that a lost sector would have left these very bytes.
func (t *tail) lostWith(bit int64) bool {
	var size int64
	t.withFlip(bit, func() bool { size = frameSize(t.word()); return true })
	return t.pieceZero(t.p.off, size, t.p.off+bit/8)
}

// pieceZero tells whether the piece of a frame, which has a place in the file and a size, that an
// offset lies in is all zeros.
func (t *tail) pieceZero(frame, size, off int64) bool {
	sector := off / sectorSize * sectorSize
	from := max(sector, frame)
	b := make([]byte, max(min(sector+sectorSize, frame+size)-from, 0))
	return !t.failed(t.win.peek(b, from)) && len(trimZeros(b)) == 0
}
