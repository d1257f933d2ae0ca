package wal

import "github.com/seed449c39bc/wal/internal/vfs"

// zeroChunk is how many zeros are written with one write. Larger writes give the page cache large
// folios, in which every later small write is slower.
const zeroChunk = 64 << 10

// zeroed is the part of the last segment that has been written before, as zeros or as records. A
// sync of a save there has no allocation to record, which makes it up to twice as fast, and a write
// finds its page in the cache. A batch that reaches past its end is followed by zeros up to the
// next multiple of a step, in the same sync: so one save in many pays for the allocation, instead
// of each. How long the step is, and whether there are zeros at all, zeroPolicy decides. If the
// device zeroes a new segment by itself, all of it is zeroed from the start.
//
// Whatever it decides, recovery finds the same. What is only reserved reads as zeros, and so does
// what was zeroed and never written to. The zeros stand behind the batch, where nothing of the log
// is yet, and the next batch is written after their sync. So a crash leaves any part of the batch,
// and zeros behind it: what it leaves without them. An end that is wrong costs time and nothing
// else: zeros are never written before the end of the batch.
//
// Zeroing the whole next segment in the background was tried, and was slower at every size of save:
// it takes the disk away from the saves at that time.
//
// On a file system that copies on write nothing is zeroed: a save would not go where the zeros are,
// and the zeros would take the space of the log once more.
//
// The leader owns it.
type zeroed struct {
	ready  int64 // offset of its end
	limit  int64 // the size of the segment; 0: no zeros are written
	policy *zeroPolicy
	step   func(n int) int64 // as zeroPolicy's
	zeros  []byte
}

// newZeroed returns the zeroed part of a segment that is to be written from off on.
func newZeroed(o *options, p *zeroPolicy, f vfs.File, off int64) (zeroed, error) {
	r := zeroed{ready: off, policy: p, step: p.step}
	if o.zeroStep != nil {
		r.step = o.zeroStep
	}
	if o.preallocation != PreallocateZero || f.CopyOnWrite() {
		return r, nil
	}
	r.limit = o.segmentSize
	f.Forget(off) // the log has just read it
	start, end, err := f.Data(off)
	if err == nil && start <= off {
		r.ready = max(off, end)
	}
	return r, err
}

// extend writes zeros after a batch of n bytes that ends at end, if the batch reaches past the
// zeroed part and zeros pay. They are synced with the batch. Nothing stands there yet: the next
// batch is written after this one, by the next leader.
func (r *zeroed) extend(f vfs.File, n int, end int64) error {
	if end <= r.ready {
		return nil
	}
	r.ready = end
	if end >= r.limit {
		return nil
	}
	step := r.step(n)
	to := min((end+step-1)/step*step, r.limit)
	for off := end; off < to; {
		chunk := min(to-off, zeroChunk-off%zeroChunk)
		if r.zeros == nil {
			r.zeros = make([]byte, zeroChunk)
		}
		if _, err := f.WriteAt(r.zeros[:chunk], off); err != nil {
			return err
		}
		off += chunk
	}
	r.policy.written.Add(uint64(to - end))
	r.ready = to
	return nil
}
