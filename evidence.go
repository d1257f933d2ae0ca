package wal

import "github.com/seed449c39bc/wal/walpb"

// syncedFollows looks behind p for a record with a correct check that says SYNCED.
//
// What lies inside a frame proves nothing, since a client can compute a payload that holds such a
// record at its place. So the frames are passed one by one as long as there is no doubt where each
// of them ends; every multiple of 8 counts from where there is.
func (t *tail) syncedFollows() bool {
	if !t.sealed {
		return false
	}
	f := finder{win: t.win, seq: t.p.seq}
	for off := t.p.off; off < t.p.off+t.used; {
		o, _, err := t.win.outlineAt(&t.check, place{t.p.seq, off})
		switch {
		case t.failed(err):
			return false
		case o.right && off > t.p.off && o.flags&flagSynced != 0:
			return true
		case o.right || t.footLost(off, &o):
			off += o.size
			continue
		}
		at, err := f.first(off+wordSize, flagSynced)
		return !t.failed(err) && at >= 0
	}
	return false
}

// footLost tells whether the trailer of a frame reads as if it had not been written. The two
// lengths that the frame states agree, or it had no outline: so its length word is intact, and it
// is torn.
func (t *tail) footLost(off int64, o *outline) bool {
	if !o.sealed {
		return false
	}
	mark := off + o.foot + walpb.TrailerSize - 1
	return mark >= t.p.off+t.used || t.pieceZero(off, o.size, mark)
}
