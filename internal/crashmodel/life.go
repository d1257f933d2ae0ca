package crashmodel

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed449c39bc/wal/internal/crashfs"
)

// Stage is the log after one save.
type Stage struct {
	What    string
	Content *Content
	Begun   int    // the changes of the disk when it was called
	Acked   int    // and when it had returned nil; -1: it has not, or promised nothing
	Kept    uint64 // the entries above it were written by this save, so no purge before it took them
}

// Life is what was done with a log on one disk, and what the log promised when. A moment is a
// number of changes of the disk.
type Life struct {
	Disk   *crashfs.Disk
	Record *crashfs.Record
	Stages []*Stage // in the order in which they stand in the log; the first was there before
	Floors []Floor
}

// Floor says that from some moment on entries up to an index may have been purged.
type Floor struct {
	Begun  int
	Index  uint64
	Stages int // how many there were then
}

// NewLife begins a life on a disk that holds a log, or none if there is nil. Entries up to floor
// may be gone.
func NewLife(im crashfs.Image, there *Content, floor uint64) *Life {
	l := &Life{Disk: crashfs.New(im)}
	l.Record = l.Disk.Record()
	l.Stages = []*Stage{{What: "what was there", Content: there, Begun: -1, Kept: math.MaxUint64}}
	l.Floors = []Floor{{Begun: -1, Index: floor, Stages: 1}}
	return l
}

// Newest returns the content after the last save.
func (l *Life) Newest() *Content { return l.Stages[len(l.Stages)-1].Content }

// Floor returns up to where entries may be gone after k changes if the log is at a stage.
func (l *Life) Floor(k, stage int) (floor uint64) {
	for _, p := range l.Floors {
		if p.Begun >= k {
			continue
		}
		gone := p.Index
		for _, s := range l.Stages[min(p.Stages, stage+1) : stage+1] {
			gone = min(gone, s.Kept)
		}
		floor = max(floor, gone)
	}
	return floor
}

// Allowed returns the first and last stage of which a crash after k changes must leave one.
func (l *Life) Allowed(k int) (lo, hi int) {
	for i, s := range l.Stages {
		if s.Begun < k {
			hi = i
		}
		if s.Acked >= 0 && s.Acked <= k {
			lo = i
		}
	}
	return lo, max(lo, hi)
}

// Explains returns the stage at which a crash after k changes has left the log, by what was found.
// It is an error if that is none of those allowed.
func (l *Life) Explains(k int, f *Found) (stage int, err error) {
	lo, hi := l.Allowed(k)
	for i := hi; i >= lo; i-- {
		if l.Stages[i].Content.Is(f, l.Floor(k, i)) {
			return i, nil
		}
	}
	msg := fmt.Sprintf("found %v; entries up to %d may be gone, and allowed is", f.Contents(),
		l.Floor(k, hi))
	for i, s := range l.Stages {
		note := ""
		if s.Content.Is(f, l.Floor(k, i)) {
			note = ", which is what was found"
		}
		if lo <= i && i <= hi || note != "" {
			msg += fmt.Sprintf("\n  after %s (%d, begun %d, acknowledged %d)%s: %v", s.What, i, s.Begun,
				s.Acked, note, s.Content)
		}
	}
	return 0, errors.New(msg)
}
