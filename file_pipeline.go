package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// filePipeline prepares the file of the next segment in the background, so that a cut does not wait
// for the file system to find the space. Its methods are called under the writer's lock.
//
// What is prepared is N.tmp: locked, truncated before anything else, and reserved to its full size.
// So whatever a crash left in a file of that name, no byte of it comes into the log. A crash leaves
// N.tmp, and the next open removes it.
type filePipeline struct {
	dir     vfs.Dir
	size    int64
	reserve bool
	next    *preparation // nil: none under way
}

// preparation is one file that is being prepared. What it holds may be read once done is closed.
type preparation struct {
	seq  uint64
	done chan struct{}
	file vfs.File
	name string // of the file
	err  error
}

// progress tells the pipeline that the segment before seq is used up to off. Once that segment is
// half full, the next one is prepared: a log that is open only for a while does not pay for it.
func (p *filePipeline) progress(seq uint64, off int64) {
	if off > p.size/2 {
		p.start(seq)
	}
}

// start begins to prepare the file of segment seq, unless that is under way.
func (p *filePipeline) start(seq uint64) {
	if p.next != nil {
		return
	}
	prep := &preparation{seq: seq, done: make(chan struct{})}
	p.next = prep
	go func() {
		defer close(prep.done)
		prep.file, prep.name, prep.err = p.prepare(seq)
	}()
}

// take hands over the file of segment seq, with the name that it has until it is the segment's. It
// waits until the file is prepared. A preparation that failed earlier is tried again: what was
// lacking then may be there now.
func (p *filePipeline) take(seq uint64) (f vfs.File, name string, err error) {
	early := p.next != nil
	p.start(seq)
	prep := p.next
	<-prep.done
	p.next = nil
	if early && prep.err != nil {
		return p.take(seq)
	}
	if prep.err != nil {
		return nil, "", fmt.Errorf("prepare segment: %w", prep.err)
	}
	return prep.file, prep.name, nil
}

// close waits for the preparation to end, and removes its file.
func (p *filePipeline) close() {
	if prep := p.next; prep != nil {
		p.next = nil
		if <-prep.done; prep.err == nil {
			discard(p.dir, prep.file, prep.name)
		}
	}
}

// abandon waits for the preparation to end, and leaves its file, as a crash would.
func (p *filePipeline) abandon() {
	if prep := p.next; prep != nil {
		p.next = nil
		if <-prep.done; prep.err == nil {
			prep.file.Close()
		}
	}
}

// prepare makes the file of segment seq. After an error it leaves none.
func (p *filePipeline) prepare(seq uint64) (f vfs.File, name string, err error) {
	if f, name, err = createTemporary(p.dir, seq); err != nil {
		return nil, "", err
	}
	if err = f.Truncate(0); err == nil && p.reserve {
		err = f.Reserve(p.size)
	}
	if err != nil {
		discard(p.dir, f, name)
		return nil, "", err
	}
	return f, name, nil
}
