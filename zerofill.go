package wal

import "github.com/seed449c39bc/wal/internal/vfs"

const (
	// shortStep is how much of a segment is zeroed at a time, in bytes.
	shortStep = 256 << 10
	// longStep is the same behind a large batch, where a save in many would be one in few.
	longStep = 1 << 20
	// largeBatch is how large that is, in bytes.
	largeBatch = 32 << 10
	// zeroChunk is how much of that is written with one write. Larger writes give
	// the page cache large folios, in which every later small write is slower.
	zeroChunk = 64 << 10
)

// zeroed is the part of the last segment that has been written before, as zeros
// or as records. A sync of a save there has no allocation to record, which makes
// it up to twice as fast, and a write finds its page in the cache. Whoever writes
// behind its end writes zeros on to the next multiple of shortStep, in the same
// sync: so one save in many pays for the allocation, in place of each. A batch as large
// as a step pays for its own alone, since zeros would only be written to be overwritten.
// Where the device zeroes a new segment by itself, all of it is runway from the start.
//
// Zeroing the whole next segment in the background was tried, and was slower at
// every size of save: it takes the disk away from the saves at the time.
//
// On a file system that copies on write there is none: a save would not go where the zeros are, and
// they would take the space of the log once more.
//
// It belongs to the leader.
type zeroed struct {
	ready int64 // its end
	limit int64 // the size of the segment; 0: no zeros are written
	zeros []byte
}

// newZeroed returns the runway of a segment that is to be written from off on.
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

// extend writes zeros behind a batch of n bytes that ends at end, if it reaches behind
// the runway. They are synced with the batch. Nothing stands there yet: the next batch
// is written after this one, by the next leader.
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
