package wal

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/walpb"
)

// finder looks in a segment for trailered records with a right check, at every multiple of 8. The
// check binds a record to its position, so nothing else looks like one.
//
// A client can save data that looks like the beginnings of records, one every 16 bytes, and each of
// them may claim that its trailer stands at another position. To read each of those trailers by
// itself could take far longer than to read the segment. So the finder reads only as many by
// themselves as the bytes that it passes pay for. The other claims wait, and their trailers are
// read in the order of the file, many at once.
//
// Which record is the first one, the finder knows only when the claims before it are decided. If
// that is not paid for yet, it searches on, and keeps what it finds for the next questions. So
// nothing is searched twice, and right records between the claims do not make it read a few
// trailers each time.
type finder struct {
	win      *window
	seq      uint64
	check    frame.Checker
	passed   int64   // bytes searched
	looked   int64   // feet read by themselves
	searched int64   // no record between the last question and here but those in found
	found    []int64 // where records stand that are yet to be returned, ascending
	waiting  []claim // whose feet are yet to be read
	block    []byte  // holds feet
	buf      [frame.MaxHead + frame.MaxControl]byte
	footBuf  [frame.MaxFoot]byte
}

// claim is what may be the beginning of a record.
type claim struct {
	off, foot int64  // of the frame, and of its trailer, in the file
	sum       uint32 // the check over its position and its header
}

const (
	// lookEvery is how many bytes have to be passed for each foot that is read by itself, after the
	// first 64 feet.
	lookEvery = 4 << 10
	// maxClaims is how many claims may wait. It bounds their memory.
	maxClaims = 1 << 16
	// footBlock is how many bytes are read at once where many feet stand.
	footBlock = 64 << 10
)

// first returns the offset of the first record from off on that has all of flags, and -1 if there
// is none. From one call to the next off ascends, and flags are the same.
func (f *finder) first(off int64, flags byte) (int64, error) {
	for len(f.found) > 0 && f.found[0] < off {
		f.found = f.found[1:]
	}
	if len(f.found) > 0 {
		return f.found[0], nil
	}
	if off >= f.win.size {
		return -1, nil
	}
	if off >= f.searched {
		head := f.buf[:]
		if err := f.win.begin(head, off); err != nil {
			return 0, err
		}
		f.searched = off + frame.WordSize
		if is, err := f.record(off, head, flags, true); is || err != nil {
			return off, err
		}
	}
	for f.searched < f.win.size {
		if err := f.search(flags); err != nil {
			return 0, err
		}
		if len(f.found) > 0 {
			return f.found[0], nil
		}
	}
	return -1, nil
}

// search searches on until there are claims enough to decide, and decides them.
func (f *finder) search(flags byte) error {
	from := f.searched
	for p, err := range f.win.stretch(from, f.win.size) {
		if err != nil {
			return err
		}
		done, err := f.portion(p, from, flags)
		if err != nil {
			return err
		}
		if done || f.enough() {
			break
		}
	}
	return f.checkWaiting(flags)
}

// enough reports whether the claims that wait are to be decided now: there are as many as may wait,
// or something was found, and to read the feet before it is paid for.
func (f *finder) enough() bool {
	return max(len(f.waiting), len(f.found)) >= maxClaims ||
		len(f.found) > 0 && int64(len(f.waiting)) <= f.credit()
}

// credit returns how many feet may be read by themselves.
func (f *finder) credit() int64 { return f.passed/lookEvery + 64 - f.looked }

// portion finds the records in p, from the offset from on, that have all of flags. Those that have
// to wait do not count. It ends early at a record with which there is enough, and is done then.
func (f *finder) portion(p portion, from int64, flags byte) (done bool, err error) {
	end, passed := p.off+p.size, f.passed
	if p.data == nil {
		f.searched, f.passed = end&^(frame.WordSize-1), passed+p.size
		if end >= f.win.size {
			f.searched = f.win.size // what is left is less than a word
		}
		return false, nil
	}
	for q := max(from, p.off&^(frame.WordSize-1)); q < end; q += frame.WordSize {
		f.searched = q + frame.WordSize
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
				return false, err
			}
		}
		f.passed = passed + max(q-p.off, 0)
		is, err := f.record(q, head, flags, false)
		if err != nil {
			return false, err
		}
		if is {
			if f.found = append(f.found, q); f.enough() {
				return true, nil
			}
		}
	}
	f.passed = passed + p.size
	return false, nil
}

// record reports whether a record with all of flags stands at off. head holds its first bytes. If
// the foot is not among them, it is read if now is true or if the bytes passed pay for it.
// Otherwise the record waits, and record reports false.
func (f *finder) record(off int64, head []byte, flags byte, now bool) (bool, error) {
	o, err := frame.OutlineOf(head[:min(len(head), frame.MaxHead)])
	if err != nil || !o.HasTrailer || o.Size > f.win.size-off {
		return false, nil
	}
	p := frame.Position{Seq: f.seq, Off: off}
	if o.Size <= int64(len(head)) {
		right := f.check.Vouch(&o, head, head[o.FootAt:o.Size], p) == nil
		return right && o.Flags&flags == flags, nil
	}
	if !now && f.credit() < 0 {
		sum := f.check.BeginSum(p, head[:o.HeadSize])
		f.waiting = append(f.waiting, claim{off, off + o.FootAt, sum})
		return false, nil
	}
	f.looked++
	foot := f.footBuf[:o.Size-o.FootAt]
	if err := f.win.peek(foot, off+o.FootAt); err != nil {
		return false, err
	}
	return f.check.Vouch(&o, head, foot, p) == nil && o.Flags&flags == flags, nil
}

// checkWaiting reads the feet of all claims that wait, and adds the claims that are right to what
// was found. After it no claim waits.
func (f *finder) checkWaiting(flags byte) error {
	slices.SortFunc(f.waiting, func(a, b claim) int { return cmp.Compare(a.foot, b.foot) })
	var block []byte
	var blockOff int64
	for i := range f.waiting {
		c := &f.waiting[i]
		size := walpb.TrailerSize + frame.Padding(c.foot+walpb.TrailerSize)
		if at := c.foot - blockOff; at < 0 || at+size > int64(len(block)) {
			if f.block == nil {
				f.block = make([]byte, footBlock)
			}
			n := size // a whole block only if more than 64 feet stand in it
			if many := i + 64; many < len(f.waiting) &&
				f.waiting[many].foot < c.foot+footBlock-frame.MaxFoot {
				n = footBlock
			}
			block, blockOff = f.block[:min(n, f.win.size-c.foot)], c.foot
			if err := f.win.peek(block, blockOff); err != nil {
				return err
			}
			f.looked++
		}
		if at := c.foot - blockOff; c.right(block[at:at+size], flags) {
			f.found = append(f.found, c.off)
		}
	}
	f.waiting = f.waiting[:0]
	slices.Sort(f.found)
	return nil
}

// right reports whether foot holds the check that the claim needs, and all of flags.
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
	has, sparsity := byte(trailer>>32), uint16(trailer>>40)
	if has&flags != flags || trailer != frame.MakeTrailer(uint32(trailer), has, sparsity) {
		return false
	}
	return frame.EndSum(c.sum, has, sparsity, nil) == uint32(trailer)
}
