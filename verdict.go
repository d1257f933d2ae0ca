package wal

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/walpb"
)

// verdict is what the bytes behind the last valid record mean.
type verdict int

const (
	cleanEnd verdict = iota // nothing was written there
	torn                    // what was written there was never acknowledged
	corrupt                 // it may have been acknowledged
	mended                  // one bit put back makes it a valid record, and no other reading differs
	changed                 // there is a valid record: the file is being written
)

// tail is what is seen from p, the first offset of the last segment without a
// valid record, to the end of the file.
type tail struct {
	p      place
	data   []byte // from p on, without the zeros at the end of the file, in whole words
	size   int64  // bytes from p to the end of the file
	crc    uint32 // the chain before p
	sealed bool
	check  checker
}

// newTail makes a tail of the bytes from p on, of which the zeros at the end may be missing.
func newTail(p place, data []byte, size int64, crc uint32, sealed bool) *tail {
	data = trimZeros(data)
	for int64(len(data)) < size && len(data)%wordSize != 0 {
		data = append(data, 0)
	}
	return &tail{p: p, data: data, size: size, crc: crc, sealed: sealed}
}

// finding is a verdict with its reason. For mended and for a corruption that
// one flipped bit explains, bit is that bit, counted from the start of the file.
type finding struct {
	verdict verdict
	reason  string
	bit     int64
}

// judge is the table of docs/FORMAT.md 7, row by row.
func (t *tail) judge() finding {
	if len(t.data) > 0 {
		if _, err := t.valid(); err == nil {
			return finding{verdict: changed} // the decoder saw older bytes (beside.go)
		}
	}
	if t.syncedFollows() {
		return finding{verdict: corrupt, reason: "a later record shows that this one was on stable storage"} // row 1
	}
	if len(t.data) == 0 {
		return finding{verdict: cleanEnd} // row 2
	}
	if bit, ok := t.explain(); ok { // rows 3 and 3'
		at := t.p.off*8 + bit
		if t.lostWith(bit) {
			return finding{mended, "one bit is missing in a sector that reads as zeros", at}
		}
		return finding{corrupt, "one bit of the record is flipped", at}
	}
	w := t.word()
	switch {
	case w == 0:
		return finding{verdict: torn, reason: "the length word was not written"} // row 4
	case frameSize(w) > t.size:
		return finding{verdict: torn, reason: errPastEnd.Error()} // row 5
	case t.pieceLost(w):
		return finding{verdict: torn, reason: "a sector of the record was not written"} // row 6
	}
	f, err := t.valid()
	plain := !t.sealed || err == errChain && !f.sealed // its form alone tells: it ends with its data
	if !plain && int64(len(trimZeros(t.data))) < wordSize+int64(w&wordLenMask) {
		return finding{verdict: torn, reason: "the end of the record was not written"} // row 7
	}
	return finding{verdict: corrupt, reason: err.Error()} // row 8
}

// word is the length word at p.
func (t *tail) word() uint64 {
	var b [wordSize]byte
	copy(b[:], t.data)
	return binary.LittleEndian.Uint64(b[:])
}

// syncedFollows looks behind p for a record with a correct check that says
// SYNCED. The check binds it to its place, so nothing else looks like one.
func (t *tail) syncedFollows() bool {
	if !t.sealed {
		return false
	}
	for i := wordSize; i+wordSize <= len(t.data); i += wordSize {
		if !wordOK(binary.LittleEndian.Uint64(t.data[i:])) {
			continue
		}
		f, err := t.check.parseAt(t.data[i:], place{t.p.seq, t.p.off + int64(i)})
		if err == nil && f.sealed && f.flags&flagSynced != 0 {
			return true
		}
	}
	return false
}

// valid tells whether there is a valid record at p: behind sealed records also a plain one, with
// which etcd went on. The frame that could be parsed is returned also when only its chain is wrong.
func (t *tail) valid() (frame, error) {
	t.extend(frameSize(t.word()))
	f, err := t.check.parseAt(t.data, t.p)
	switch {
	case err != nil:
		return f, err
	case f.sealed && !t.sealed:
		return frame{}, errSealed
	case f.chain(t.crc) != f.crc:
		return f, errChain
	}
	return f, nil
}

// extend adds zeros that are in the file but not in data, up to n bytes: a plain record can end
// in them.
func (t *tail) extend(n int64) {
	if have := int64(len(t.data)); have < n && n <= t.size {
		t.data = append(t.data, make([]byte, n-have)...)
	}
}

const (
	// A flipped bit outside the data is within this many bytes from the start of the
	// frame (length word, header, a control record's data) or from its end (trailer, padding).
	headReach = 48
	tailReach = 24
)

// explain finds the single bit of the frame at p that makes it a valid
// record when it is put back. The bit counts from p.
func (t *tail) explain() (bit int64, ok bool) {
	if len(t.data) < wordSize {
		return 0, false
	}
	f, err := t.valid()
	if err == errChain {
		if bit, ok := flippedBit(f.chain(t.crc)^f.crc, len(f.data)); ok {
			start := wordSize + walpb.RecordHeaderSize(int64(f.typ), f.crc, len(f.data))
			bit += int64(start) * 8
			return bit, t.with(bit, func() bool { return t.agrees(&f) })
		}
		if f.sealed {
			return 0, false // the check has vouched for everything but the data
		}
	}
	size := min(frameSize(t.word()), int64(len(t.data)))
	head := min(headReach, int64(len(t.data)))
	for bit = 0; bit < head*8; bit++ {
		if t.with(bit, t.explained) {
			return bit, true
		}
	}
	for bit = max(size-tailReach, head) * 8; bit < size*8; bit++ {
		if t.with(bit, t.explained) {
			return bit, true
		}
	}
	return 0, false
}

// with returns what a question has for an answer while a bit is put back.
func (t *tail) with(bit int64, question func() bool) bool {
	t.data[bit/8] ^= 1 << (bit % 8)
	defer func() { t.data[bit/8] ^= 1 << (bit % 8) }()
	return question()
}

// explained tells whether there is now a valid record at p, of which no sector is lost.
func (t *tail) explained() bool {
	f, err := t.valid()
	return err == nil && t.agrees(&f)
}

// agrees tells whether the frame at p is as thin as it says: no sector of it is lost. One
// without a trailer does not say.
func (t *tail) agrees(f *frame) bool {
	return !f.sealed || thinness(t.data[:f.size], t.p.off) == f.thin
}

// lostWith tells whether the bit lies in a piece of the frame that reads as
// zeros, so that a lost sector would have left these very bytes.
func (t *tail) lostWith(bit int64) bool {
	var size int64
	t.with(bit, func() bool { size = frameSize(t.word()); return true })
	sector := (t.p.off + bit/8) / sectorSize * sectorSize
	return t.zeros(max(sector-t.p.off, 0), min(sector+sectorSize-t.p.off, size))
}

// pieceLost tells whether some piece of the frame, cut at the borders of
// sectors, is all zeros.
func (t *tail) pieceLost(w uint64) bool {
	size := frameSize(w)
	for from := int64(0); from < size; {
		to := min((t.p.off+from)/sectorSize*sectorSize+sectorSize-t.p.off, size)
		if t.zeros(from, to) {
			return true
		}
		from = to
	}
	return false
}

// zeros tells whether the bytes from p+from to p+to are zeros.
func (t *tail) zeros(from, to int64) bool {
	n := int64(len(t.data))
	return len(trimZeros(t.data[min(from, n):min(to, n)])) == 0
}

// flippedBit finds the bit in n bytes of data whose flip changes their CRC-32C
// by diff. A CRC is linear: the change is what the lone bit leaves in the
// register after the bits behind it have passed. Running the register backwards
// from diff therefore arrives at the lone bit, if there is one.
func flippedBit(diff uint32, n int) (bit int64, ok bool) {
	const poly = 0x82f63b78 // Castagnoli, reflected
	bits := int64(n) * 8
	for bit = bits - 1; bit >= 0; bit-- {
		if diff&(1<<31) != 0 {
			diff = (diff^poly)<<1 | 1
		} else {
			diff <<= 1
		}
		if diff == 1 {
			return bit, true
		}
	}
	return 0, false
}
