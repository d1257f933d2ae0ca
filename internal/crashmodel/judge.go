package crashmodel

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Log is a log that was opened for writing.
type Log interface {
	LastIndex() uint64
	SaveEntry(ents []log.LogEntry) error
	Close() error
}

// System is how the log on a disk is used, always with the same options.
type System interface {
	// Open opens the log and returns what is in it. All is nil if there is none.
	Open(disk *crashfs.Disk) (w Log, f *Found, err error)
	// Create creates the log.
	Create(disk *crashfs.Disk) (w Log, f *Found, err error)
	// OpenAgain is Open, and reports whether the open had something to heal.
	OpenAgain(disk *crashfs.Disk) (f *Found, healed bool, err error)
	// OpenAt opens the log at a snapshot, and returns the state and the entries behind it.
	OpenAt(disk *crashfs.Disk, snap *walpb.Snapshot) (st *walpb.HardState, ents []*walpb.Entry,
		err error)
	// Read reads the log as it is, without a change. nil: there is none.
	Read(disk *crashfs.Disk) (f *Found, err error)
	// Verify returns the last index, and whether the log has a torn tail.
	Verify(disk *crashfs.Disk) (last uint64, torn bool, err error)
}

// Judge cuts the power in a life and judges what is left.
type Judge struct {
	Life   *Life
	System System
	Rand   *rand.Rand

	Images, Moments, Whole int64 // what was tried; whole: moments of which all images were
}

// Failure is a crash that a log did not survive.
type Failure struct {
	Moment int // changes before it
	Whose  string
	Image  crashfs.Image // nil after a death of the process
	Err    error
}

// Error returns the moment and what is wrong.
func (f *Failure) Error() string {
	chance := ""
	if strings.Contains(f.Err.Error(), "one bit of the record is flipped") {
		chance = "docs/FORMAT.md 7.1, row 3', taken by chance: "
	}
	return fmt.Sprintf("a crash of the %s after %d changes: %s%v", f.Whose, f.Moment, chance, f.Err)
}

// Unwrap returns what is wrong.
func (f *Failure) Unwrap() error { return f.Err }

// Everywhere kills the process and cuts the power at every moment, all images of it that there are,
// if they are not too many. It returns the first failure.
func (j *Judge) Everywhere(plan Plan) error {
	m := j.Life.Record.Media()
	for more := true; more; more = m.Advance() {
		j.Moments++
		if err := j.process(m); err != nil {
			return &Failure{Moment: m.At(), Whose: "process", Err: err}
		}
		if err := j.moment(m, plan); err != nil {
			return err
		}
	}
	return nil
}

// moment cuts the power at one moment, once for each image that the plan asks for.
func (j *Judge) moment(m *crashfs.Media, plan Plan) (err error) {
	judge := func(im crashfs.Image) bool {
		if bad := j.machine(m.At(), im); bad != nil {
			err = &Failure{Moment: m.At(), Whose: "machine", Image: im, Err: bad}
		}
		return err == nil
	}
	if m.Images() <= plan.All {
		j.Whole++
		m.Each(judge)
		return err
	}
	for i := 0; i < plan.Each && judge(m.Sample(j.Rand)); i++ {
	}
	return err
}

// process kills the process, opens the log, and then cuts the power: what the open has shown must
// still be there.
func (j *Judge) process(m *crashfs.Media) error {
	k := m.At()
	disk, rec := m.Killed()
	w, f, created, err := j.openOrCreate(k, disk)
	if err != nil {
		return err
	}
	opened, middle, after := rec.Len(), j.Rand.IntN(rec.Len()+1), rec.Media()
	for at := 0; at <= opened; at++ {
		if at == middle || at == opened {
			g, err := j.open(after.Sample(j.Rand))
			switch {
			case err != nil:
			case f.same(g):
			case at == opened || created && g != nil:
				err = fmt.Errorf("found %v, and before the power cut %v", g.Contents(), f.Contents())
			default:
				_, err = j.Life.Explains(k, g) // it may still lose what was not synced
			}
			if err != nil {
				return fmt.Errorf("a power cut at change %d of %d of the open after it: %w", at, opened, err)
			}
		}
		after.Advance()
	}
	return j.goesOn(w, disk)
}

// machine opens what a power cut after k changes left, opens it again, and cuts the power while it
// is opened the first time, and right after.
func (j *Judge) machine(k int, im crashfs.Image) error {
	j.Images++
	if j.Rand.IntN(4) == 0 {
		if err := j.unhealed(k, im.Clone()); err != nil {
			return fmt.Errorf("without healing: %w", err)
		}
	}
	disk := crashfs.New(im.Clone())
	rec := disk.Record()
	w, f, created, err := j.openOrCreate(k, disk)
	if err != nil {
		return err
	}
	opened, m := rec.Len(), rec.Media()
	if err := j.second(disk.Image(), f); err != nil {
		return fmt.Errorf("the second open: %w", err)
	}
	if err := j.atSnapshot(disk.Image(), f); err != nil {
		return fmt.Errorf("opened at the snapshot: %w", err)
	}
	for _, stop := range []int{j.Rand.IntN(opened + 1), opened} {
		for m.At() < stop {
			m.Advance()
		}
		g, err := j.open(m.Sample(j.Rand))
		if err == nil && !f.same(g) && !(created && g == nil && stop < opened) {
			err = fmt.Errorf("found %v, and before %v", g.Contents(), f.Contents())
		}
		if err != nil {
			return fmt.Errorf("after a power cut at change %d of %d of the open: %w", stop, opened, err)
		}
	}
	return j.goesOn(w, disk)
}

// openOrCreate opens the log on a disk after a crash at k. Where there may be none, it creates it.
func (j *Judge) openOrCreate(k int, disk *crashfs.Disk) (w Log, f *Found, created bool, err error) {
	w, f, err = j.System.Open(disk)
	if err == nil {
		_, err = j.Life.Explains(k, f)
	}
	if err == nil && f == nil {
		created = true
		if w, f, err = j.System.Create(disk); err != nil {
			err = fmt.Errorf("there is no log, and none can be created: %w", err)
		}
	}
	return w, f, created, err
}

// open opens an image that counts as one more crash.
func (j *Judge) open(im crashfs.Image) (*Found, error) {
	j.Images++
	_, f, err := j.System.Open(crashfs.New(im))
	return f, err
}

// second opens once more, which must find the same, and nothing to heal.
func (j *Judge) second(im crashfs.Image, f *Found) error {
	g, healed, err := j.System.OpenAgain(crashfs.New(im))
	switch {
	case err != nil:
		return err
	case !f.same(g):
		return fmt.Errorf("found %v, and before %v", g.Contents(), f.Contents())
	case healed:
		return errors.New("it heals once more")
	}
	return nil
}

// atSnapshot opens the log now and then at the last snapshot, if there is one.
func (j *Judge) atSnapshot(im crashfs.Image, f *Found) error {
	if f.Snapshot.Index == 0 || j.Rand.IntN(4) != 0 {
		return nil
	}
	st, ents, err := j.System.OpenAt(crashfs.New(im), &f.Snapshot)
	if err != nil {
		return err
	}
	want := f.Entries
	for len(want) > 0 && want[0].Index <= f.Snapshot.Index {
		want = want[1:]
	}
	if *st != f.State || !slices.EqualFunc(ents, want, SameEntry) {
		return fmt.Errorf("%d entries and state %+v, want %d of %v", len(ents), st, len(want),
			f.Contents())
	}
	return nil
}

// unhealed reads an image as it is.
func (j *Judge) unhealed(k int, im crashfs.Image) error {
	f, err := j.System.Read(crashfs.New(im))
	if err == nil {
		_, err = j.Life.Explains(k, f)
	}
	return err
}

// goesOn saves one entry more now and then, closes the log and verifies it.
func (j *Judge) goesOn(w Log, disk *crashfs.Disk) error {
	if j.Rand.IntN(8) != 0 {
		return nil
	}
	next := w.LastIndex() + 1
	more := &walpb.Entry{Term: 1, Index: next, Data: []byte("one more")}
	if err := w.SaveEntry([]log.LogEntry{more}); err != nil {
		return fmt.Errorf("the next save: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("close after the next save: %w", err)
	}
	last, torn, err := j.System.Verify(disk)
	switch {
	case err != nil:
		return fmt.Errorf("verify after the next save: %w", err)
	case torn || last != next:
		return fmt.Errorf("verify after the next save: it ends at %d, torn %v, want %d", last, torn, next)
	}
	return nil
}
