package wal

import "github.com/seed449c39bc/wal/internal/vfs"

// runway is the part of the last segment whose blocks are on disk already, as
// zeros or as records: a sync of a save there has no allocation to record, which
// makes it up to twice as fast. A segment that the pipeline has filled is all runway.
// Of one that it has not, the first one above all, whoever writes behind the end
// of the runway writes zeros on to the next multiple of zeroSync, in the same
// sync: so one save in many pays for the allocation, in place of each.
//
// It belongs to the leader.
type runway struct {
	ready int64 // its end
	limit int64 // the size of the segment; 0: no zeros are written
	zeros []byte
}

func newRunway(o *options, ready int64) runway {
	r := runway{ready: ready}
	if o.preallocation == PreallocateZero && !o.noSync {
		r.limit = o.segmentSize
	}
	return r
}

// lengthen writes zeros behind a batch that ends at end, if it reaches behind the runway. They are
// synced with the batch.
func (r *runway) lengthen(f vfs.File, end int64) error {
	if end <= r.ready {
		return nil
	}
	to := min((end+zeroSync-1)/zeroSync*zeroSync, r.limit)
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
