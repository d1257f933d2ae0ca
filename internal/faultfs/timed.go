package faultfs

import (
	"slices"
	"sync"
	"time"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// Timed is a disk that counts what it is given to write, and how long that takes by a clock that
// only it moves. So tests need not wait, and see the same times in each run. What is written goes
// to the files beneath it. It is safe for concurrent use.
//
// A sync of a file gives the disk the blocks that were written since the last one, a write for each
// run of them, and a flush, which counts as a write. If one of the blocks was never written before,
// its allocation follows: a write of one block, and another flush.
type Timed struct {
	PerWrite    time.Duration // for each write and each flush
	PerBlock    time.Duration // for each block
	CopyOnWrite bool          // each block that is written is a new one

	mu                   sync.Mutex
	limit                Limit
	now, period          time.Duration
	blocks, writes       int64 // in all
	blocksNow, writesNow int64 // in this period
}

// A Limit is what a disk may be given in a second. 0 stands for no limit. It is counted as the
// kernel does for a cgroup: in periods of a tenth of a second, in the next of which a sync waits
// when a tenth of the limit was written in this one. What exceeds that is a debt.
type Limit struct {
	Bytes  int64
	Writes int64 // and flushes
}

const (
	timedBlock  = 4 << 10
	timedPeriod = 100 * time.Millisecond
	timedWrite  = 1 << 20 / timedBlock // blocks in a write at most
)

// SetLimit sets the limit from now on.
func (d *Timed) SetLimit(l Limit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit, d.blocksNow, d.writesNow = l, 0, 0
}

// Now returns the time of the disk's clock.
func (d *Timed) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Unix(0, 0).Add(d.now)
}

// Written returns what the disk was given to write so far.
func (d *Timed) Written() (writes, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes, d.blocks * timedBlock
}

// On returns a file system whose files are on the disk.
func (d *Timed) On(fsys vfs.FS) vfs.FS {
	return Wrap(fsys, func(under vfs.Dir) vfs.Dir { return timedDir{under, d} })
}

// File returns a file that is on the disk. Nothing was written to it before.
func (d *Timed) File(f vfs.File) vfs.File {
	return &timedFile{File: f, disk: d}
}

// take takes a number of writes, flushes among them, of a number of blocks in all.
func (d *Timed) take(writes, blocks int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes += writes
	d.blocks += blocks
	d.now += time.Duration(writes)*d.PerWrite + time.Duration(blocks)*d.PerBlock
	d.turn()
	for !d.within() {
		d.now = d.period + timedPeriod
		d.turn()
	}
	d.writesNow += writes
	d.blocksNow += blocks
}

// turn goes on to the period that the time is in. Each one that has passed paid for its part.
func (d *Timed) turn() {
	for d.now >= d.period+timedPeriod {
		d.period += timedPeriod
		d.writesNow = max(0, d.writesNow-d.limit.Writes/10)
		d.blocksNow = max(0, d.blocksNow-d.limit.Bytes/10/timedBlock)
	}
}

// within reports whether the period has something left.
func (d *Timed) within() bool {
	return (d.limit.Writes == 0 || d.writesNow < d.limit.Writes/10) &&
		(d.limit.Bytes == 0 || d.blocksNow < d.limit.Bytes/10/timedBlock)
}

type timedDir struct {
	vfs.Dir
	disk *Timed
}

func (t timedDir) open(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return t.disk.File(f), nil
}

func (t timedDir) OpenLocked(name string) (vfs.File, error) {
	return t.open(t.Dir.OpenLocked(name))
}
func (t timedDir) CreateLocked(name string) (vfs.File, error) {
	return t.open(t.Dir.CreateLocked(name))
}
func (t timedDir) CreateNew(name string) (vfs.File, error) {
	return t.open(t.Dir.CreateNew(name))
}

type timedFile struct {
	vfs.File
	disk *Timed

	mu    sync.Mutex
	dirty []int64 // the numbers of blocks that were written since the last sync
	old   []bool  // by numbers of blocks: written before that
}

func (f *timedFile) CopyOnWrite() bool { return f.disk.CopyOnWrite }

func (f *timedFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b, off)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := off / timedBlock; i*timedBlock < off+int64(n); i++ {
		f.dirty = append(f.dirty, i)
	}
	return n, err
}

func (f *timedFile) Datasync() error {
	f.flush()
	return f.File.Datasync()
}

func (f *timedFile) Sync() error {
	f.flush()
	return f.File.Sync()
}

// flush gives the disk what was written.
func (f *timedFile) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.dirty)
	list := slices.Compact(f.dirty)
	if n := len(list); n > 0 && list[n-1] >= int64(len(f.old)) {
		f.old = append(f.old, make([]bool, list[n-1]+1-int64(len(f.old)))...)
	}
	writes, blocks, fresh := int64(1), int64(len(list)), false
	for i, run := 0, 0; i < len(list); i++ {
		if run++; run > timedWrite || i == 0 || list[i-1] != list[i]-1 {
			writes, run = writes+1, 1
		}
		fresh = fresh || !f.old[list[i]] || f.disk.CopyOnWrite
		f.old[list[i]] = true
	}
	if fresh {
		writes, blocks = writes+2, blocks+1
	}
	f.dirty = f.dirty[:0]
	f.disk.take(writes, blocks)
}
