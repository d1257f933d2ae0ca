package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// crashJudge cuts the power in a life and judges what is left.
type crashJudge struct {
	life *crashLife
	opts []Option
	rnd  *rand.Rand

	images, moments, whole int64 // what was tried; whole: moments of which all images were
}

// crashFailure is a crash that a log did not survive.
type crashFailure struct {
	moment int // changes before it
	whose  string
	im     crashfs.Image // nil after a death of the process
	err    error
}

func (f *crashFailure) Error() string {
	chance := ""
	var c *CorruptionError
	if errors.As(f.err, &c) && c.Reason == "one bit of the record is flipped" {
		chance = "docs/FORMAT.md 7, row 3', taken by chance: "
	}
	return fmt.Sprintf("a crash of the %s after %d changes: %s%v", f.whose, f.moment, chance, f.err)
}

func (f *crashFailure) Unwrap() error { return f.err }

// everywhere kills the process and cuts the power at every moment, all images of
// it that there are, if they are not too many. It returns the first failure.
func (j *crashJudge) everywhere(plan crashPlan) error {
	m := j.life.rec.Media()
	for more := true; more; more = m.Advance() {
		j.moments++
		if err := j.process(m); err != nil {
			return &crashFailure{m.At(), "process", nil, err}
		}
		if err := j.moment(m, plan); err != nil {
			return err
		}
	}
	return nil
}

func (j *crashJudge) moment(m *crashfs.Media, plan crashPlan) (err error) {
	judge := func(im crashfs.Image) bool {
		if bad := j.machine(m.At(), im); bad != nil {
			err = &crashFailure{m.At(), "machine", im, bad}
		}
		return err == nil
	}
	if m.Images() <= plan.all {
		j.whole++
		m.Each(judge)
		return err
	}
	for i := 0; i < plan.each && judge(m.Sample(j.rnd)); i++ {
	}
	return err
}

// process kills the process, opens the log, and then cuts the power: what
// the open has shown must still be there.
func (j *crashJudge) process(m *crashfs.Media) error {
	k := m.At()
	disk, rec := m.Killed()
	w, f, created, err := j.openOrCreate(k, disk)
	if err != nil {
		return err
	}
	opened, middle, after := rec.Len(), j.rnd.IntN(rec.Len()+1), rec.Media()
	for at := 0; at <= opened; at++ {
		if at == middle || at == opened {
			g, err := j.open(after.Sample(j.rnd))
			switch {
			case err != nil:
			case f.same(g):
			case at == opened || created && g != nil:
				err = fmt.Errorf("found %v, and before the power cut %v", g.content(), f.content())
			default:
				_, err = j.life.explains(k, g) // it may still lose what was not synced
			}
			if err != nil {
				return fmt.Errorf("a power cut at change %d of %d of the open after it: %w", at, opened, err)
			}
		}
		after.Advance()
	}
	return j.goesOn(w, disk)
}

// machine opens what a power cut after k changes left, opens it again, and cuts the
// power while it is opened the first time, and right after.
func (j *crashJudge) machine(k int, im crashfs.Image) error {
	j.images++
	if j.rnd.IntN(4) == 0 {
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
	for _, stop := range []int{j.rnd.IntN(opened + 1), opened} {
		for m.At() < stop {
			m.Advance()
		}
		g, err := j.open(m.Sample(j.rnd))
		if err == nil && !f.same(g) && !(created && g == nil && stop < opened) {
			err = fmt.Errorf("found %v, and before %v", g.content(), f.content())
		}
		if err != nil {
			return fmt.Errorf("after a power cut at change %d of %d of the open: %w", stop, opened, err)
		}
	}
	return j.goesOn(w, disk)
}

// openOrCreate opens the log on a disk after a crash at k. Where there may be none, it creates it.
func (j *crashJudge) openOrCreate(k int, disk *crashfs.Disk) (w *WAL, f *crashFound, created bool, err error) {
	w, f, err = openFound(disk, j.opts)
	if err == nil {
		_, err = j.life.explains(k, f)
	}
	if err == nil && f == nil {
		w, f, err = createFound(disk, j.opts)
		created = true
	}
	return w, f, created, err
}

// open opens an image that counts as one more crash.
func (j *crashJudge) open(im crashfs.Image) (*crashFound, error) {
	j.images++
	_, f, err := openFound(crashfs.New(im), j.opts)
	return f, err
}

// second opens once more, which must find the same, and nothing to heal.
func (j *crashJudge) second(im crashfs.Image, f *crashFound) error {
	healed := false
	opts := j.with(WithListener(Listener{Healed: func(TornTail) { healed = true }}))
	_, g, err := openFound(crashfs.New(im), opts)
	switch {
	case err != nil:
		return err
	case !f.same(g):
		return fmt.Errorf("found %v, and before %v", g.content(), f.content())
	case healed:
		return errors.New("it heals once more")
	}
	return nil
}

// atSnapshot opens the log now and then at the last snapshot, if there is one.
func (j *crashJudge) atSnapshot(im crashfs.Image, f *crashFound) error {
	if f.snap.Index == 0 || j.rnd.IntN(4) != 0 {
		return nil
	}
	w, err := Open(nil, crashDir, &f.snap, j.with(withFS(crashfs.New(im)))...)
	if err != nil {
		return err
	}
	_, st, ents, err := w.ReadAll()
	if err != nil {
		return err
	}
	want := f.ents
	for len(want) > 0 && want[0].Index <= f.snap.Index {
		want = want[1:]
	}
	same := func(e log.LogEntry, o *walpb.Entry) bool { return sameEntry(e.(*walpb.Entry), o) }
	if *hardState(st) != f.st || !slices.EqualFunc(ents, want, same) {
		return fmt.Errorf("%d entries and state %+v, want %d of %v", len(ents), st, len(want), f.content())
	}
	return nil
}

func (j *crashJudge) with(opts ...Option) []Option {
	return append(j.opts[:len(j.opts):len(j.opts)], opts...)
}

// unhealed reads an image as it is.
func (j *crashJudge) unhealed(k int, im crashfs.Image) error {
	r, err := OpenForRead(nil, crashDir, nil, j.with(withFS(crashfs.New(im)))...)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = j.life.explains(k, nil)
		return err
	}
	if err != nil {
		return err
	}
	f, err := foundIn(&r.view, crashMetadata)
	if err == nil {
		_, err = j.life.explains(k, f)
	}
	return err
}

// goesOn saves one entry more now and then, closes the log and verifies it.
func (j *crashJudge) goesOn(w *WAL, disk *crashfs.Disk) error {
	if j.rnd.IntN(8) != 0 {
		return nil
	}
	last := w.LastIndex()
	if err := w.SaveEntry(entries(last+1, last+1)); err != nil {
		return fmt.Errorf("the next save: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("close after the next save: %w", err)
	}
	report, err := Verify(nil, crashDir, j.with(withFS(disk))...)
	switch {
	case err != nil:
		return fmt.Errorf("verify after the next save: %w", err)
	case report.Torn != nil || report.LastIndex != last+1:
		return fmt.Errorf("verify after the next save: %+v", report)
	}
	return nil
}
