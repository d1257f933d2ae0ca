package wal

import (
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/seed449c39bc/wal/internal/vfs"
)

const (
	// zeroChunk is how much is zeroed with one write, in bytes. Larger writes give
	// the page cache large folios, in which every later small write is slower.
	zeroChunk = 64 << 10
	// zeroSync is how much is zeroed between syncs, in bytes: a sync of much more
	// would keep the disk from the saves.
	zeroSync = 256 << 10
)

// filePipeline prepares the file of the next segment in the background. Its
// methods are called under the writer's lock.
//
// What is prepared is N.tmp, locked, truncated before anything else, and
// zero to its end: whatever a crash left in a file of that name, no byte
// of it comes into the log. A crash leaves N.tmp behind, which the next open removes.
type filePipeline struct {
	fs   vfs.FS
	dir  string
	size int64
	mode Preallocation
	next *preparation // nil: none under way
}

// preparation is one file on its way.
type preparation struct {
	seq    uint64
	target atomic.Int64  // how far the zeros should reach by now
	wake   chan struct{} // the target has moved
	stop   atomic.Bool   // somebody waits, or nobody wants it any more; set before wake is closed
	done   chan struct{} // closed when what follows may be read
	file   vfs.File
	ready  int64 // bytes that are zeros on disk
	err    error
}

func (p *filePipeline) tmpPath(seq uint64) string {
	return filepath.Join(p.dir, fmt.Sprintf("%d.tmp", seq))
}

// progress tells the pipeline that the segment before seq is used up to off.
// The zeros keep ahead of that in proportion: so they cost a short life of the log
// nothing, a long one no more than it writes itself, and are there in time.
func (p *filePipeline) progress(seq uint64, off int64) {
	used := (off - p.size/8) * 3 / 2
	if used <= 0 {
		return
	}
	p.start(seq)
	target := min((used+zeroChunk-1)/zeroChunk*zeroChunk, p.size)
	if target <= p.next.target.Load() {
		return
	}
	p.next.target.Store(target)
	select {
	case p.next.wake <- struct{}{}:
	default: // it has not looked yet since it was woken last
	}
}

// start begins to prepare the file of segment seq, unless that is under way.
func (p *filePipeline) start(seq uint64) {
	if p.next != nil {
		return
	}
	prep := &preparation{seq: seq, wake: make(chan struct{}, 1), done: make(chan struct{})}
	p.next = prep
	go func() {
		defer close(prep.done)
		prep.err = p.prepare(prep)
	}()
}

// finish ends the preparation under way, as far as it is.
func (p *filePipeline) finish() *preparation {
	prep := p.next
	p.next = nil
	prep.stop.Store(true)
	close(prep.wake)
	<-prep.done
	return prep
}

// take hands over the file of segment seq. A writer that gets ahead of the zeros
// does not wait for them.
func (p *filePipeline) take(seq uint64) (*preparation, error) {
	p.start(seq)
	prep := p.finish()
	if prep.err != nil {
		return nil, fmt.Errorf("prepare segment: %w", prep.err)
	}
	return prep, nil
}

// close stops the preparation and removes its file.
func (p *filePipeline) close() {
	if p.next == nil {
		return
	}
	if prep := p.finish(); prep.err == nil {
		p.discard(prep)
	}
}

// discard closes and removes a file that was prepared in vain.
func (p *filePipeline) discard(prep *preparation) {
	discard(p.fs, prep.file, p.tmpPath(prep.seq))
}

func (p *filePipeline) prepare(prep *preparation) (err error) {
	name := p.tmpPath(prep.seq)
	if prep.file, err = p.fs.CreateLocked(name); err != nil {
		return err
	}
	if err = prep.file.Truncate(0); err == nil && p.mode != PreallocateNone {
		err = prep.file.Reserve(p.size)
	}
	if err == nil && p.mode == PreallocateZero {
		err = p.fill(prep)
	}
	if err != nil {
		discard(p.fs, prep.file, name)
	}
	return err
}

// fill writes zeros up to the target, whenever that has moved, until the file is full of them.
func (p *filePipeline) fill(prep *preparation) error {
	zeros := make([]byte, min(zeroChunk, p.size))
	off := int64(0)
	for range prep.wake {
		for off < prep.target.Load() && !prep.stop.Load() {
			n := min(zeroChunk, p.size-off)
			if _, err := prep.file.WriteAt(zeros[:n], off); err != nil {
				return err
			}
			off += n
			if off-prep.ready >= zeroSync || off == p.size {
				if err := prep.file.Datasync(); err != nil {
					return err
				}
				prep.ready = off
			}
		}
		if off == p.size {
			break
		}
	}
	return nil
}

// discard closes and removes a file that is not part of the log. If that fails, the next open removes it.
func discard(fsys vfs.FS, f vfs.File, name string) {
	f.Close()
	fsys.Remove(name)
}
