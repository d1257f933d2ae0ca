package wal

import (
	"encoding/binary"
	"fmt"
	"math"
)

// skipZeros returns the offset of the first word from off on, a multiple of 8, that is not zero, or
// the offset of some word before it; -1 if there are only zeros. Long stretches of them, which may
// be holes, are passed at once, and no word is looked at twice for that.
func (w *window) skipZeros(off int64) (int64, error) {
	const often = 4 << 10
	for ; off+2*wordSize <= w.size; off += wordSize { // no frame is smaller
		b, err := w.at(off, wordSize)
		if err != nil || binary.LittleEndian.Uint64(b) != 0 {
			return off, err
		}
		if off%often != 0 {
			continue
		}
		next, err := w.firstNonZero(off)
		if err != nil || next < 0 {
			return -1, err
		}
		off = max(off, next/wordSize*wordSize-wordSize)
	}
	return -1, nil
}

// plainAt returns the outline of the frame at an offset, if it is that of a plain record.
func (w *window) plainAt(off int64) (o outline, ok bool, err error) {
	left := w.size - off
	if left < 2*wordSize {
		return o, false, nil
	}
	b := w.ahead(off)
	if len(b) < headSize {
		var head [headSize]byte
		b = head[:]
		if err := w.peek(b, off); err != nil {
			return o, false, err
		}
	}
	if !mayBegin(b) {
		return o, false, nil
	}
	if o, err = outlineOf(b[:headSize]); err != nil || o.sealed || o.size > left {
		return o, false, nil
	}
	pad := make([]byte, o.size-o.foot)
	if err := w.peek(pad, off+o.foot); err != nil {
		return o, false, err
	}
	return o, len(trimZeros(pad)) == 0, nil
}

// tooLarge is the error for a record that the platform's memory cannot hold.
func (w *window) tooLarge(size, off int64) error {
	return fmt.Errorf("a record of %d bytes in segment %s at offset %d is too large for this platform",
		size, w.name, off)
}

// frame returns all of the frame at an offset, which is known to be a record.
func (w *window) frame(off int64) ([]byte, error) {
	b, err := w.at(off, wordSize)
	if err != nil {
		return nil, err
	}
	size := frameSize(binary.LittleEndian.Uint64(b))
	if size > min(w.size-off, math.MaxInt) {
		return nil, w.tooLarge(size, off)
	}
	return w.at(off, int(size))
}
