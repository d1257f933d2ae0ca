package wal

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// A purge may overtake a reader. It goes on behind it, and does not begin from the start.
func TestBeside_PurgeOvertakesAReader(t *testing.T) {
	wl := crashWorkload{name: "a purge", size: 512, run: func(r *crashRun) {
		r.create()
		for range 40 {
			r.save(nil, &walpb.Entry{Term: 1, Index: r.life.Newest().Last() + 1, Data: make([]byte, 400)})
		}
		r.snapshot(r.life.Newest().Last())
		r.purge(r.life.Newest().Last())
	}}
	rnd := rand.New(rand.NewPCG(3, 3))
	r := newCrashRun(t, wl, PreallocateNone, rnd)
	wl.run(r)
	for name, read := range readers {
		t.Run(name, func(t *testing.T) {
			listings, moving := 0, false
			disk := r.life.Record.Replay(rnd, func(_ *crashfs.Replay, c faultfs.Call) int {
				switch {
				case !moving:
					return 0
				case c.Kind == faultfs.List:
					listings++
					return 0
				}
				return 1
			})
			disk.Skip(r.life.Record.Len() - 70) // the purge makes two changes for each segment
			moving = true
			last, err := read(crashDir, append(r.opts[:len(r.opts):len(r.opts)], withFS(disk))...)
			require.NoError(t, err)
			if name != "ValidSnapshots" {
				require.EqualValues(t, 40, last)
			}
			require.Greater(t, disk.At(), r.life.Record.Len()-60)
			if name != "Records" { // it has nothing to begin from the start, and lists for each
				require.LessOrEqual(t, listings, 3)
			}
		})
	}
}

// heldBackDir has the first segment opened only when all else was read, and something has happened
// then.
type heldBackDir struct {
	vfs.Dir
	first, last string
	read        chan struct{} // closed when the last one was read
	then        func()
}

func (d heldBackDir) OpenRead(name string) (vfs.File, error) {
	if name == d.first {
		<-d.read
		d.then()
	}
	f, err := d.Dir.OpenRead(name)
	if err == nil && name == d.last {
		f = heldBackFile{f, d.read}
	}
	return f, err
}

type heldBackFile struct {
	vfs.File
	read chan struct{}
}

func (f heldBackFile) Close() error {
	select {
	case <-f.read:
	default:
		close(f.read)
	}
	return f.File.Close()
}

// The end is read before the snapshot is there for which the first segment is purged: what a reader
// shows is the log with it.
func TestBeside_PurgeIsSeenWithWhatItWasFor(t *testing.T) {
	disk := crashfs.New(crashfs.Image{})
	opts := []Option{WithSegmentSize(1024), WithPreallocation(PreallocateNone)}
	w, err := Create(nil, crashDir, nil, append(opts, withFS(disk))...)
	require.NoError(t, err)
	defer w.Close()
	data := string(make([]byte, 700)) // each in a segment of its own
	for i := range uint64(2) {
		require.NoError(t, w.SaveEntry([]log.LogEntry{entry(1, 1+i, data)}))
	}
	snap := &walpb.Snapshot{Index: 2, Term: 1}
	purge := func() {
		require.NoError(t, w.SaveSnap(snap))
		require.NoError(t, w.Release(snap))
		removed, err := w.Purge()
		require.NoError(t, err)
		require.Equal(t, 1, removed)
	}
	wrap := func(d vfs.Dir) vfs.Dir {
		first, last := segmentName{}.String(), segmentName{1, 2}.String()
		return heldBackDir{Dir: d, first: first, last: last, read: make(chan struct{}), then: purge}
	}
	r, err := OpenForRead(nil, crashDir, nil, withFS(faultfs.Wrap(disk, wrap)))
	require.NoError(t, err)
	require.Equal(t, snap, r.Snapshot())
	require.EqualValues(t, 2, r.FirstIndex())
	require.EqualValues(t, 2, r.LastIndex())
}
