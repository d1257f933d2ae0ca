package wal

import "github.com/seed449c39bc/wal/internal/vfs"

const (
	// runwayStep is how much of a segment is zeroed at a time, in bytes.
	runwayStep = 256 << 10
	// zeroChunk is how much of that is written with one write. Larger writes give
	// the page cache large folios, in which every later small write is slower.
	zeroChunk = 64 << 10
)

// runway is the part of the last segment that has been written before, as zeros
// or as records. A sync of a save there has no allocation to record, which makes
// it up to twice as fast, and a write finds its page in the cache. Whoever writes
// behind its end writes zeros on to the next multiple of runwayStep, in the same
// sync: so one save in many pays for the allocation, in place of each.
//
// Zeroing the whole next segment in the background was tried, and was slower at
// every size of save: it takes the disk away from the saves at the time.
//
// It belongs to the leader.
type runway struct {
	ready int64 // its end
	limit int64 // the size of the segment; 0: no zeros are written
	zeros []byte
}

func newRunway(o *options, ready int64) runway {
	r := runway{ready: ready}
	if o.preallocation == PreallocateZero {
		r.limit = o.segmentSize
	}
	return r
}

// lengthen writes zeros behind a batch that ends at end, if it reaches behind
// the runway. They are synced with the batch. Nothing stands there yet: the next batch
// is written after this one, by the next leader.
func (r *runway) lengthen(f vfs.File, end int64) error {
	if end <= r.ready {
		return nil
	}
	to := min((end+runwayStep-1)/runwayStep*runwayStep, r.limit)
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
