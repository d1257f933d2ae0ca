package wal

import (
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// zeroChunk is how much is zeroed at a time, in bytes. Larger writes give the page
// cache large folios, in which every later small write is slower.
const zeroChunk = 64 << 10

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

// preparation is one file on its way. Its result may be read once done is closed.
type preparation struct {
	seq   uint64
	hurry atomic.Bool // somebody waits, or nobody wants it any more: do not fill on
	done  chan struct{}
	file  vfs.File
	err   error
}

func (p *filePipeline) tmpPath(seq uint64) string {
	return filepath.Join(p.dir, fmt.Sprintf("%d.tmp", seq))
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
		prep.file, prep.err = p.prepare(prep)
	}()
}

// take hands over the file of segment seq and its path. A writer that gets ahead
// of the zeros does not wait for them: what is missing is only reserved.
func (p *filePipeline) take(seq uint64) (vfs.File, string, error) {
	p.start(seq)
	prep := p.next
	prep.hurry.Store(true)
	<-prep.done
	p.next = nil
	if prep.err != nil {
		return nil, "", fmt.Errorf("prepare segment: %w", prep.err)
	}
	return prep.file, p.tmpPath(seq), nil
}

// close stops the preparation and removes its file.
func (p *filePipeline) close() {
	if p.next == nil {
		return
	}
	prep := p.next
	prep.hurry.Store(true)
	<-prep.done
	p.next = nil
	if prep.err == nil {
		discard(p.fs, prep.file, p.tmpPath(prep.seq))
	}
}

func (p *filePipeline) prepare(prep *preparation) (vfs.File, error) {
	name := p.tmpPath(prep.seq)
	f, err := p.fs.CreateLocked(name)
	if err != nil {
		return nil, err
	}
	if err := p.fill(f, prep); err != nil {
		discard(p.fs, f, name)
		return nil, err
	}
	return f, nil
}

// fill gives the file its length and, in the background, its zeros.
func (p *filePipeline) fill(f vfs.File, prep *preparation) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if p.mode == PreallocateNone {
		return nil
	}
	if err := f.Reserve(p.size); err != nil {
		return err
	}
	if p.mode == PreallocateReserve {
		return nil
	}
	zeros := make([]byte, min(zeroChunk, p.size))
	for off := int64(0); off < p.size; off += zeroChunk {
		if prep.hurry.Load() {
			return nil
		}
		if _, err := f.WriteAt(zeros[:min(zeroChunk, p.size-off)], off); err != nil {
			return err
		}
	}
	return f.Datasync()
}

// discard closes and removes a file that is not part of the log. If that fails, the next open removes it.
func discard(fsys vfs.FS, f vfs.File, name string) {
	f.Close()
	fsys.Remove(name)
}
