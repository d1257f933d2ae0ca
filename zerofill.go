package wal

import "github.com/seed449c39bc/wal/internal/vfs"

const (
	// shortStep is how many bytes of a segment are zeroed at a time.
	shortStep = 256 << 10
	// longStep is the step after a large batch: with shortStep every few saves would pay for
	// zeroing.
	longStep = 1 << 20
	// largeBatch is how many bytes a batch has at least to be a large one.
	largeBatch = 32 << 10
	// zeroChunk is how many zeros are written with one write. Larger writes give the page cache
	// large folios, in which every later small write is slower.
	zeroChunk = 64 << 10
)

// zeroed is the part of the last segment that has been written before, as zeros or as records. A
// sync of a save there has no allocation to record, which makes it up to twice as fast, and a write
// finds its page in the cache. A batch that reaches past its end is followed by zeros up to the
// next multiple of shortStep, or of longStep if the batch is large, in the same sync: so one save
// in many pays for the allocation, instead of each. A batch as large as shortStep pays for its own
// allocation alone, because zeros would be written only to be overwritten. If the device zeroes a
// new segment by itself, all of it is zeroed from the start.
//
// Zeroing the whole next segment in the background was tried, and was slower at every size of save:
// it takes the disk away from the saves at that time.
//
// On a file system that copies on write nothing is zeroed: a save would not go where the zeros are,
// and the zeros would take the space of the log once more.
//
// The leader owns it.
type zeroed struct {
	ready int64 // offset of its end
	limit int64 // the size of the segment; 0: no zeros are written
	zeros []byte
}

// newZeroed returns the zeroed part of a segment that is to be written from off on.
func newZeroed(o *options, f vfs.File, off int64) (zeroed, error) {
	r := zeroed{ready: off}
	if o.preallocation != PreallocateZero || f.CopyOnWrite() {
		return r, nil
	}
	r.limit = o.segmentSize
	start, end, err := f.Data(off)
	if err == nil && start <= off {
		r.ready = max(off, end)
	}
	return r, err
}

// extend writes zeros after a batch of n bytes that ends at end, if the batch reaches past the
// zeroed part. They are synced with the batch. Nothing stands there yet: the next batch is written
// after this one, by the next leader.
func (r *zeroed) extend(f vfs.File, n int, end int64) error {
	if end <= r.ready {
		return nil
	}
	step := int64(shortStep)
	switch {
	case n >= shortStep:
		step = 1
	case n >= largeBatch:
		step = longStep
	}
	to := min((end+step-1)/step*step, r.limit)
	for off := end; off < to; {
		n := min(to-off, zeroChunk-off%zeroChunk)
		if r.zeros == nil {
			r.zeros = make([]byte, zeroChunk)
		}
		if _, err := f.WriteAt(r.zeros[:n], off); err != nil {
			return err
		}
		off += n
	}
	r.ready = max(to, end)
	return nil
}
