package wal

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/seed449c39bc/wal/internal/frame"
)

// lookAhead is how many bytes nextBeginning searches at a time.
const lookAhead = 4 << 10

// nextBeginning returns the first offset from off on, a multiple of 8, at which a record may begin,
// judging by the length word there and the byte after it; -1 if there is none. It passes over
// zeros, which may be a hole, in one step.
func (w *window) nextBeginning(off int64) (int64, error) {
	for off+2*frame.WordSize <= w.size { // no frame is smaller
		b, err := w.at(off, int(min(lookAhead+frame.WordSize, w.size-off)))
		if err != nil {
			return 0, err
		}
		at, last := 0, len(b)-2*frame.WordSize
		for at <= last && !frame.MayBegin(b[at:]) {
			at += frame.WordSize
		}
		off += int64(at)
		if at <= last {
			return off, nil
		}
		if len(trimZeros(b)) > 0 {
			continue
		}
		next, err := w.firstNonZero(off)
		if err != nil || next < 0 {
			return -1, err
		}
		off = max(off, next/frame.WordSize*frame.WordSize)
	}
	return -1, nil
}

// outlineAt returns the outline of the frame with a trailer at p, and its first bytes, which are
// valid until the next call. If there is no such frame, the outline is empty. The outline is Intact
// if the check is right. outlineAt reads ahead from p on, but no large payload.
func (w *window) outlineAt(
	c *frame.Checker, p frame.Position,
) (o frame.Outline, head []byte, err error) {
	head = w.head[:]
	if err := w.begin(head, p.Off); err != nil {
		return frame.Outline{}, nil, err
	}
	o, malformed := frame.OutlineOf(head[:frame.MaxHead])
	if malformed != nil || !o.HasTrailer {
		return frame.Outline{}, nil, nil
	}
	if o.Size > w.size-p.Off {
		return o, head, nil
	}
	foot := w.foot[:o.Size-o.FootAt]
	if err := w.peek(foot, p.Off+o.FootAt); err != nil {
		return frame.Outline{}, nil, err
	}
	o.Intact = c.Vouch(&o, head, foot, p) == nil
	return o, head, nil
}

// plainAt returns the outline of the frame at off. ok is false if it is not the frame of a plain
// record.
func (w *window) plainAt(off int64) (o frame.Outline, ok bool, err error) {
	left := w.size - off
	if left < 2*frame.WordSize {
		return o, false, nil
	}
	b := w.ahead(off)
	if len(b) < frame.MaxHead {
		var head [frame.MaxHead]byte
		b = head[:]
		if err := w.peek(b, off); err != nil {
			return o, false, err
		}
	}
	if !frame.MayBegin(b) {
		return o, false, nil
	}
	if o, err = frame.OutlineOf(b[:frame.MaxHead]); err != nil || o.HasTrailer || o.Size > left {
		return o, false, nil
	}
	pad := make([]byte, o.Size-o.FootAt)
	if err := w.peek(pad, off+o.FootAt); err != nil {
		return o, false, err
	}
	return o, len(trimZeros(pad)) == 0, nil
}

// tooLarge returns the error for a record that does not fit into the platform's memory.
func (w *window) tooLarge(size, off int64) error {
	return fmt.Errorf("a record of %d bytes in segment %s at offset %d is too large for this platform",
		size, w.name, off)
}

// frame returns all bytes of the frame at off. The caller knows that it is a record.
func (w *window) frame(off int64) ([]byte, error) {
	b, err := w.at(off, frame.WordSize)
	if err != nil {
		return nil, err
	}
	size := frame.SizeOf(binary.LittleEndian.Uint64(b))
	if size > min(w.size-off, math.MaxInt) {
		return nil, w.tooLarge(size, off)
	}
	return w.at(off, int(size))
}
