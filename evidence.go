package wal

import "github.com/seed449c39bc/wal/walpb"

// syncedFollows looks behind p for a record with a correct check that says SYNCED.
//
// What lies inside a frame proves nothing, since a client can compute a payload that holds such a
// record at its place. So the frames are passed one by one as long as there is no doubt where each of
// them ends; every multiple of 8 counts from where there is.
func (t *tail) syncedFollows() bool {
	if !t.sealed {
		return false
	}
	f := finder{win: t.win, seq: t.p.seq}
	for off := t.p.off; off < t.p.off+t.used; {
		o, right := t.frameAt(off)
		switch {
		case right && off > t.p.off && o.flags&flagSynced != 0:
			return true
		case right || t.footLost(off, &o):
			off += o.size
			continue
		}
		at, err := f.first(off+wordSize, flagSynced)
		return !t.failed(err) && at >= 0
	}
	return false
}

// frameAt returns the outline of the frame with a trailer at an offset, and whether all of it but its payload is
// right. Without an outline its size is 0.
func (t *tail) frameAt(off int64) (o outline, right bool) {
	var head [headSize + maxControl]byte
	if t.failed(t.win.peek(head[:], off)) {
		return outline{}, false
	}
	o, err := outlineOf(head[:headSize])
	if err != nil || !o.sealed {
		return outline{}, false
	}
	if o.size > t.win.size-off {
		return o, false
	}
	foot := make([]byte, o.size-o.foot)
	if t.failed(t.win.peek(foot, off+o.foot)) {
		return outline{}, false
	}
	return o, t.check.vouch(&o, head[:], foot, place{t.p.seq, off}) == nil
}

// footLost tells whether the trailer of a frame reads as if it had not been written. The two lengths
// that the frame states agree, or it had no outline: so its length word is intact, and it is torn.
func (t *tail) footLost(off int64, o *outline) bool {
	if o.size == 0 {
		return false
	}
	mark := off + o.foot + walpb.TrailerSize - 1
	return mark >= t.p.off+t.used || t.pieceZero(off, o.size, mark)
}
