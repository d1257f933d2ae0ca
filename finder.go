package wal

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/walpb"
)

// finder looks in a segment for trailered records, at every multiple of 8, with a right check: it
// binds a record to its place, so nothing else looks like one.
//
// What a client saved may look like the beginnings of records, one in every 16 bytes, and each of
// them may claim that its trailer stands at a place of its own. So no more places are looked at one
// by one than the bytes that are passed pay for; the others wait, and are looked at in order.
type finder struct {
	win     *window
	seq     uint64
	check   frame.Checker
	passed  int64 // bytes
	looked  int64 // at feet
	waiting []claim
	buf     [frame.MaxHead + frame.MaxControl]byte
	footBuf [frame.MaxFoot]byte
}

// claim is what may be the beginning of a record.
type claim struct {
	off, foot int64  // of the frame, and of its trailer, in the file
	sum       uint32 // the check so far
}

const (
	// lookEvery is how many bytes pay for a look at a foot that is elsewhere.
	lookEvery = 4 << 10
	// maxClaims is how many claims may wait, which bounds their memory.
	maxClaims = 1 << 16
	// footBlock is how much is read at once where many feet stand.
	footBlock = 64 << 10
)

// first returns the offset of the first record from off on that has all of flags; -1 if there is
// none.
func (f *finder) first(off int64, flags byte) (int64, error) {
	f.waiting = f.waiting[:0]
	if off >= f.win.size {
		return -1, nil
	}
	head := f.buf[:]
	if err := f.win.begin(head, off); err != nil {
		return 0, err
	}
	if is, err := f.record(off, head, flags, true); is || err != nil {
		return off, err
	}
	from := off + frame.WordSize
	for p, err := range f.win.stretch(from, f.win.size) {
		if err != nil {
			return 0, err
		}
		f.passed += p.size
		if p.data == nil {
			continue
		}
		q, err := f.portion(p, from, flags)
		if err != nil {
			return 0, err
		}
		if q < 0 && len(f.waiting) < maxClaims {
			continue
		}
		if earlier, err := f.checkWaiting(flags); err != nil || earlier >= 0 {
			return earlier, err
		}
		if q >= 0 {
			return q, nil
		}
	}
	return f.checkWaiting(flags)
}

// portion returns the offset of the first record in a portion, but for those that have to wait; or
// -1.
func (f *finder) portion(p portion, from int64, flags byte) (int64, error) {
	for q := max(from, p.off&^(frame.WordSize-1)); q < p.off+p.size; q += frame.WordSize {
		var head []byte
		if q >= p.off {
			head = p.data[q-p.off:]
		}
		if len(head) > frame.WordSize && !frame.MayBegin(head) {
			continue
		}
		if len(head) < len(f.buf) { // the rest is in the next portion
			head = f.buf[:]
			if err := f.win.peek(head, q); err != nil {
				return 0, err
			}
		}
		if is, err := f.record(q, head, flags, false); is || err != nil {
			return q, err
		}
	}
	return -1, nil
}

// record tells whether a record with flags stands at an offset, of which the first bytes are given.
// If its foot may not be looked at now, and must not be, the record waits.
func (f *finder) record(off int64, head []byte, flags byte, now bool) (bool, error) {
	o, err := frame.OutlineOf(head[:min(len(head), frame.MaxHead)])
	if err != nil || !o.HasTrailer || o.Size > f.win.size-off {
		return false, nil
	}
	if o.Size <= int64(len(head)) {
		right := f.check.Vouch(&o, head, head[o.FootAt:o.Size], frame.Position{Seq: f.seq, Off: off}) == nil
		return right && o.Flags&flags == flags, nil
	}
	if !now && f.looked > f.passed/lookEvery+64 {
		sum := f.check.BeginSum(frame.Position{Seq: f.seq, Off: off}, head[:o.HeadSize])
		f.waiting = append(f.waiting, claim{off, off + o.FootAt, sum})
		return false, nil
	}
	f.looked++
	foot := f.footBuf[:o.Size-o.FootAt]
	if err := f.win.peek(foot, off+o.FootAt); err != nil {
		return false, err
	}
	return f.check.Vouch(&o, head, foot, frame.Position{Seq: f.seq, Off: off}) == nil && o.Flags&flags == flags, nil
}

// checkWaiting looks at the feet of all claims that wait, and returns the offset of the first one that is
// right; or -1.
func (f *finder) checkWaiting(flags byte) (first int64, err error) {
	first = -1
	slices.SortFunc(f.waiting, func(a, b claim) int { return cmp.Compare(a.foot, b.foot) })
	var block []byte
	var blockOff int64
	for i := range f.waiting {
		c := &f.waiting[i]
		size := walpb.TrailerSize + frame.Padding(c.foot+walpb.TrailerSize)
		if at := c.foot - blockOff; at < 0 || at+size > int64(len(block)) {
			if block == nil {
				block = make([]byte, footBlock)
			}
			// A whole block only where many stand.
			n := size
			if many := i + 64; many < len(f.waiting) && f.waiting[many].foot < c.foot+footBlock-frame.MaxFoot {
				n = footBlock
			}
			block, blockOff = block[:min(n, f.win.size-c.foot)], c.foot
			if err := f.win.peek(block, blockOff); err != nil {
				return 0, err
			}
		}
		if at := c.foot - blockOff; (first < 0 || c.off < first) && c.right(block[at:at+size], flags) {
			first = c.off
		}
	}
	f.waiting = f.waiting[:0]
	return first, nil
}

// right tells whether the foot of a claim bears it out, and has flags.
func (c *claim) right(foot []byte, flags byte) bool {
	if foot[0] != walpb.TrailerTag {
		return false
	}
	for _, b := range foot[walpb.TrailerSize:] {
		if b != 0 {
			return false
		}
	}
	trailer := binary.LittleEndian.Uint64(foot[1:])
	has, thin := byte(trailer>>32), uint16(trailer>>40)
	if has&flags != flags || trailer != frame.MakeTrailer(uint32(trailer), has, thin) {
		return false
	}
	return frame.EndSum(c.sum, has, thin, nil) == uint32(trailer)
}
