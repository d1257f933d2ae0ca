package simulate

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
)

// errKilled is what every call on a disk returns once its machine has lost its power.
var errKilled = errors.New("the node is dead")

// prepared are the files of segments that the log prepares in a goroutine of its own.
var prepared = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?\.tmp$`)

// disk is a node's. Its calls can end the node, and those of the goroutine that writes the log can
// be held.
type disk struct {
	*faultfs.FS
	real   *crashfs.Disk
	record *crashfs.Record

	mu      sync.Mutex
	left    int // how many calls that change something may pass; negative: any number
	dead    bool
	holds   bool
	waiting chan struct{} // closed to let the call that is held happen; nil: none is
}

// newDisk returns one that holds an image.
func newDisk(im crashfs.Image) *disk { return diskOn(crashfs.New(im)) }

func diskOn(real *crashfs.Disk) *disk {
	d := &disk{FS: faultfs.On(real), real: real, record: real.Record(), left: -1}
	d.Before(d.hold)
	d.Fail(d.allow)
	return d
}

// hold holds a write or a sync of a segment, if that is asked for.
func (d *disk) hold(c faultfs.Call) {
	if c.Kind != faultfs.Write && c.Kind != faultfs.Datasync || !strings.HasSuffix(c.Name, ".wal") {
		return
	}
	d.mu.Lock()
	if !d.holds || d.dead {
		d.mu.Unlock()
		return
	}
	wait := make(chan struct{})
	d.waiting = wait
	d.mu.Unlock()
	<-wait
}

// allow ends the node at the call for which nothing is left.
func (d *disk) allow(c faultfs.Call) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.dead:
		return 0, errKilled
	case d.left < 0 || prepared.MatchString(c.Name):
		return 0, nil
	}
	switch c.Kind {
	case faultfs.Write, faultfs.Datasync, faultfs.Sync, faultfs.Rename, faultfs.Remove,
		faultfs.Create, faultfs.Mkdir, faultfs.SyncDir:
		if d.left == 0 {
			d.dead = true
			return 0, errKilled
		}
		d.left--
	}
	return 0, nil
}

// setHold says whether calls are held from now on.
func (d *disk) setHold(holds bool) {
	d.mu.Lock()
	d.holds = holds
	d.mu.Unlock()
	if !holds {
		d.pass()
	}
}

// dieAfter has the node die after n more calls that change something; negative: never.
func (d *disk) dieAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = n
}

// isDead reports whether a call has ended the node.
func (d *disk) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// kill ends the node.
func (d *disk) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	if d.waiting != nil {
		close(d.waiting)
		d.waiting = nil
	}
}

// settle waits until a call is held, or until there is nothing to write.
func (d *disk) settle(done func() bool) {
	for !d.isHeld() && !done() {
		runtime.Gosched()
	}
}

func (d *disk) isHeld() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting != nil
}

// pass lets the call that is held happen.
func (d *disk) pass() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting != nil {
		close(d.waiting)
		d.waiting = nil
	}
}

// crashed returns the disk as the next life finds it: the process was killed, or the power cut.
func (d *disk) crashed(rnd *rand.Rand) *disk {
	m := d.record.Media()
	for m.Advance() {
	}
	mode, salt := rnd.IntN(6), rnd.Uint64()
	if mode == 0 { // only the process has died
		return newDisk(m.Newest().Clone())
	}
	return newDisk(m.Choose(func(what string, versions int) int {
		switch h := fnv.New64a(); {
		case prepared.MatchString(what[strings.LastIndexByte(what, ' ')+1:]), mode == 1:
			return 0 // all is lost
		case mode == 2:
			return versions - 1
		default:
			for i := range 8 {
				h.Write([]byte{byte(salt >> (8 * i))})
			}
			h.Write([]byte(what))
			return int(h.Sum64() >> 8 % uint64(versions))
		}
	}).Clone())
}
