package wal

import (
	"fmt"
	"io"
	"iter"
)

// readSize is how much a window reads at a time, in bytes.
const readSize = 256 << 10

// maxHole is how far apart what stands in a segment may be, in bytes. A crash leaves
// holes no larger than a save; what is far behind a larger one is no part of it.
const maxHole = 1 << 30

// source is what a window needs of a file.
type source interface {
	io.ReaderAt
	Data(off int64) (start, end int64, err error) // as that of vfs.File
}

// window gives the bytes of a file in order through one buffer, with the bits
// put back that recovery found flipped (docs/FORMAT.md 7, row 3).
type window struct {
	f     source
	name  string
	size  int64 // bytes that may be read
	buf   []byte
	off   int64 // where buf stands in the file
	flips []int64
}

// at returns n bytes from off on, valid until the next call. They must lie
// within the window's size: so no damaged length makes it allocate more than
// the file holds.
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

func (w *window) fill(off int64, n int) error {
	want := int(min(int64(max(n, readSize)), w.size-off))
	if want < n {
		return fmt.Errorf("read %d bytes of segment %s at offset %d: %w", n, w.name, off, io.ErrUnexpectedEOF)
	}
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.buf = w.buf[:want]
	w.off = off
	got, err := w.f.ReadAt(w.buf, off)
	w.buf = w.buf[:got]
	if got < n { // more than n is only read ahead: a writer may have cut the prepared space off meanwhile
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		w.buf = w.buf[:0]
		return fmt.Errorf("read %d bytes of segment %s at offset %d: %w", n, w.name, off, err)
	}
	for _, bit := range w.flips {
		if i := bit/8 - off; i >= 0 && i < int64(got) {
			w.buf[i] |= 1 << (bit % 8)
		}
	}
	return nil
}

// flip puts one bit back in all that is read from now on. What is put back was
// missing, so it does no harm if the bit has been healed meanwhile. Bits count
// from the start of the file, from the least significant one of each byte.
func (w *window) flip(bit int64) {
	w.flips = append(w.flips, bit)
	w.forget()
}

// forget drops what was read ahead: the next bytes come from the file.
func (w *window) forget() { w.buf = w.buf[:0] }

// portion is some of a file's bytes, and where they stand. It is valid until the window is used again.
type portion struct {
	off  int64
	data []byte
}

// portions yields what stands in the file from off on, at most readSize bytes at a time. Holes and
// reserved space are left out, and not read. It ends with an error.
func (w *window) portions(off int64) iter.Seq2[portion, error] {
	return func(yield func(portion, error) bool) {
		off := off
		for off < w.size {
			start, end, err := w.f.Data(off)
			if err != nil {
				yield(portion{}, fmt.Errorf("find data in segment %s behind offset %d: %w", w.name, off, err))
				return
			}
			if start == end || end <= off { // none is left, or a writer has cut the prepared space off meanwhile
				return
			}
			for off, end = max(off, start), min(end, w.size); off < end; {
				b, err := w.at(off, int(min(readSize, end-off)))
				if !yield(portion{off, b}, err) || err != nil {
					return
				}
				off += int64(len(b))
			}
		}
	}
}

// nonZero returns the bytes from off to the last one of the file that is not
// zero. Zeros at the end cost no memory, and holes and reserved space are not read. So a
// damaged length of the file does not take memory; it is a *CorruptionError.
func (w *window) nonZero(off int64) ([]byte, error) {
	var out []byte
	behind := off // the last portion
	for p, err := range w.portions(off) {
		if err != nil {
			return nil, err
		}
		if hole := p.off - behind; hole > maxHole {
			return nil, &CorruptionError{Segment: w.name, Offset: behind,
				Reason: fmt.Sprintf("a hole of %d bytes, and something behind it; is the length of the file damaged?", hole)}
		}
		if used := trimZeros(p.data); len(used) > 0 {
			zeros := p.off - off - int64(len(out))
			out = append(append(out, make([]byte, zeros)...), used...)
		}
		behind = p.off + int64(len(p.data))
	}
	return out, nil
}

// firstNonZero returns the offset of the first byte that is not zero, from off on, and -1 if there is none.
func (w *window) firstNonZero(off int64) (int64, error) {
	for p, err := range w.portions(off) {
		if err != nil {
			return 0, err
		}
		for i, c := range p.data {
			if c != 0 {
				return p.off + int64(i), nil
			}
		}
	}
	return -1, nil
}

// trimZeros cuts the zeros off the end of b.
func trimZeros(b []byte) []byte {
	n := len(b)
	for n >= wordSize && [wordSize]byte(b[n-wordSize:n]) == [wordSize]byte{} {
		n -= wordSize
	}
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return b[:n]
}
