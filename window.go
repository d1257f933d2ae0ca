package wal

import (
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/internal/frame"
)

// readSize is how much a window reads at a time, in bytes.
const readSize = 256 << 10

// source is what a window needs of a file.
type source interface {
	io.ReaderAt
	Data(off int64) (start, end int64, err error) // as that of vfs.File
}

// window reads the bytes of a file, in order and through one buffer, and corrects the bits that
// recovery found flipped (docs/FORMAT.md 7.1, row 3).
type window struct {
	f     source
	name  string
	size  int64 // bytes that may be read
	step  int64 // how much to read at a time, if that is less than readSize; 0: readSize
	buf   []byte
	off   int64   // where buf stands in the file
	flips []int64 // the bits to correct: see setBit

	head [frame.MaxHead + frame.MaxControl]byte // of the frame that outlineAt looked at last
	foot [frame.MaxFoot]byte                    // of the same frame
}

// at returns n bytes from off on, valid until the next call. If they do not lie within the window's
// size, it fails before it allocates anything: so no damaged length makes it allocate more than the
// file holds.
func (w *window) at(off int64, n int) ([]byte, error) {
	if off < w.off || off+int64(n) > w.off+int64(len(w.buf)) {
		if err := w.fill(off, n); err != nil {
			return nil, err
		}
	}
	start := off - w.off
	return w.buf[start : start+int64(n) : start+int64(n)], nil
}

// ahead returns what the buffer holds from off on, which may be nothing.
func (w *window) ahead(off int64) []byte {
	if start := off - w.off; start >= 0 && start < int64(len(w.buf)) {
		return w.buf[start:]
	}
	return nil
}

// fill reads at least n bytes from off on into the buffer, and reads ahead as far as one step goes.
func (w *window) fill(off int64, n int) error {
	step := int64(readSize)
	if w.step > 0 {
		step = min(step, w.step)
	}
	want := int(min(max(int64(n), step), w.size-off))
	if want < n {
		return fmt.Errorf("read %d bytes of segment %s at offset %d: %w",
			n, w.name, off, io.ErrUnexpectedEOF)
	}
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.buf = w.buf[:want]
	w.off = off
	got, err := w.f.ReadAt(w.buf, off)
	w.buf = w.buf[:got]
	// More than n is only read ahead, and need not be there: a writer may have cut off the prepared
	// space meanwhile.
	if got < n {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		w.buf = w.buf[:0]
		return fmt.Errorf("read %d bytes of segment %s at offset %d: %w", n, w.name, off, err)
	}
	w.putBack(w.buf, off)
	return nil
}

// setBit corrects one bit, which is missing: it is set in everything that is read from now on. That
// does no harm if the bit has been healed meanwhile. Bits count from the start of the file, in each
// byte from the least significant one.
func (w *window) setBit(bit int64) {
	w.flips = append(w.flips, bit)
	w.forget()
}

// forget drops what was read ahead: the next bytes come from the file.
func (w *window) forget() { w.buf = w.buf[:0] }

// peek reads the bytes from off on into b, and leaves the buffer as it is. What lies after the
// window's size reads as zeros.
func (w *window) peek(b []byte, off int64) error {
	n := int(max(min(int64(len(b)), w.size-off), 0))
	clear(b[n:])
	b = b[:n]
	if start := off - w.off; start >= 0 && start+int64(n) <= int64(len(w.buf)) {
		copy(b, w.buf[start:])
		return nil
	}
	if got, err := w.f.ReadAt(b, off); got < n {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read %d bytes of segment %s at offset %d: %w", n, w.name, off, err)
	}
	w.putBack(b, off)
	return nil
}

// begin copies the bytes from off on into b, as peek does, but reads them through the buffer: what
// follows them is read ahead.
func (w *window) begin(b []byte, off int64) error {
	n := max(min(int64(len(b)), w.size-off), 0)
	got, err := w.at(off, int(n))
	clear(b[copy(b, got):])
	return err
}

// putBack corrects the flipped bits in b, which was read at off.
func (w *window) putBack(b []byte, off int64) {
	for _, bit := range w.flips {
		if i := bit/8 - off; i >= 0 && i < int64(len(b)) {
			b[i] |= 1 << (bit % 8)
		}
	}
}

// portion is a part of a file's bytes, and where it stands. It is valid until the window is used
// again.
type portion struct {
	off, size int64
	data      []byte // nil: zeros, which were not read
}

// stretch yields what stands in the file from off to end, in order and without a gap, at most
// readSize bytes at a time. Holes and reserved space are not read: each comes as one portion
// without data, whatever its size. After an error nothing more is yielded.
func (w *window) stretch(off, end int64) iter.Seq2[portion, error] {
	return func(yield func(portion, error) bool) {
		off := off
		for off < end {
			start, stop, err := w.data(off, end)
			if err != nil {
				yield(portion{}, err)
				return
			}
			if off < start && !yield(portion{off: off, size: start - off}, nil) {
				return
			}
			for off = start; off < stop; {
				b, err := w.some(off, min(readSize, stop-off))
				if !yield(portion{off, int64(len(b)), b}, err) || err != nil {
					return
				}
				off += int64(len(b))
			}
		}
	}
}

// minAhead is how many bytes the buffer must hold for some to return no more than those.
const minAhead = 4 << 10

// some returns at most n bytes from off on: what the buffer holds of them, unless that is so little
// that reading pays.
func (w *window) some(off, n int64) ([]byte, error) {
	if b := w.ahead(off); int64(len(b)) >= min(n, minAhead) {
		return b[:min(int64(len(b)), n)], nil
	}
	return w.at(off, int(n))
}

// data returns the first range between off and end that is not a hole. Without one, it returns an
// empty range at end.
func (w *window) data(off, end int64) (start, stop int64, err error) {
	start, stop, err = w.f.Data(off)
	if err != nil {
		return 0, 0, fmt.Errorf("find data in segment %s behind offset %d: %w", w.name, off, err)
	}
	// There is none also if a writer has cut off the prepared space meanwhile.
	if start == stop || stop <= off || start >= end {
		return end, end, nil
	}
	return max(off, start), min(stop, end), nil
}

// firstNonZero returns the offset of the first byte from off on that is not zero, and -1 if there
// is none.
func (w *window) firstNonZero(off int64) (int64, error) {
	for p, err := range w.stretch(off, w.size) {
		if err != nil {
			return 0, err
		}
		if i := leadingZeros(p.data); i < len(p.data) {
			return p.off + int64(i), nil
		}
	}
	return -1, nil
}

// lookBack is how many bytes lastNonZero reads at a time.
const lookBack = 64 << 10

// lastNonZero returns the offset after the last byte from off on that is not zero, and off if there
// is none. It reads backwards from the end of the file: so it reads the prepared space, and of what
// was written before that at most lookBack bytes.
func (w *window) lastNonZero(off int64) (int64, error) {
	var ranges [][2]int64
	for at := off; at < w.size; {
		start, stop, err := w.data(at, w.size)
		if err != nil {
			return 0, err
		}
		if start < stop {
			ranges = append(ranges, [2]int64{start, stop})
		}
		at = stop
	}
	var buf []byte // not the window's: what was read ahead is still needed
	for _, r := range slices.Backward(ranges) {
		for stop := r[1]; stop > r[0]; {
			start := max(r[0], stop-lookBack)
			if int64(len(buf)) < stop-start {
				buf = make([]byte, stop-start)
			}
			b := buf[:stop-start]
			if err := w.peek(b, start); err != nil {
				return 0, err
			}
			if used := trimZeros(b); len(used) > 0 {
				return start + int64(len(used)), nil
			}
			stop = start
		}
	}
	return off, nil
}

// crcOver returns the running checksum after what stands from off to end, given the one before it.
func (w *window) crcOver(before uint32, off, end int64) (uint32, error) {
	for p, err := range w.stretch(off, end) {
		switch {
		case err != nil:
			return 0, err
		case p.data == nil:
			before = crc32c.Zeros(before, p.size)
		default:
			before = crc32c.Update(before, p.data)
		}
	}
	return before, nil
}
