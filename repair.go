package wal

import (
	"errors"
	"fmt"
	"io/fs"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// Repair mends the log in dir, which nobody may have open: else the error is
// [ErrLocked]. A torn tail is healed as Open would, but what is cut off is kept
// in a .broken file. A corruption is cut only with [WithCutCorruption]: the log then ends
// behind the last save before the damage, acknowledged saves are lost, and the
// report says which. Without the option it is the error, and nothing is changed. A log with records of
// a newer version is refused, with [ErrNewerFormat]: that version can repair it.
//
// What is cut is on stable storage in .broken files before the log is touched,
// and no .broken file is ever overwritten. A Repair that was interrupted can be
// run again.
func Repair(lg *zap.Logger, dir string, opts ...Option) (*Report, error) {
	o, d, err := openAt(dir, opts)
	if err != nil {
		return nil, asReadOnly(err)
	}
	defer d.Close()
	l := &loader{dir: d, registry: o.registry}
	var held locked
	defer held.close()
	ld, err := held.load(l, fromOldest)
	if ld == nil {
		return nil, asReadOnly(err)
	}
	r := &repair{dir: d, segments: held, report: newReport(ld)}
	end := ld.end
	if errors.As(err, &r.report.Corruption) {
		r.report.Torn = nil
		if !o.cutCorruption {
			return r.report, err
		}
		if end, err = r.cutAt(r.report.Corruption.cut, ld); err != nil {
			return r.report, err
		}
	}
	if err := r.run(end); err != nil {
		return r.report, fmt.Errorf("wal: repair %s: %w", d.Path(), asReadOnly(err))
	}
	if r.report.Torn == nil && r.report.Corruption == nil {
		return r.report, nil
	}
	orNop(lg).Warn("repaired the log", zap.String("dir", d.Path()), zap.Any("torn", r.report.Torn),
		zap.Any("corruption", r.report.Corruption), zap.Strings("kept-in", r.report.Broken))
	if t, healed := r.report.Torn, o.listener.Healed; t != nil && healed != nil {
		healed(*t)
	}
	return r.report, nil
}

// repair is one repair under way.
type repair struct {
	dir      vfs.Dir
	segments []segment // all of them, locked
	keep     int       // how many of them stay, the last one cut to its new end
	report   *Report
}

// cutAt returns the end of a log that is cut at a place.
func (r *repair) cutAt(cut place, ld *loaded) (logEnd, error) {
	if errors.Is(r.report.Corruption, ErrNewerFormat) { // what it would cut, this version cannot judge
		return logEnd{}, r.report.Corruption
	}
	if cut.off == 0 {
		return logEnd{}, fmt.Errorf("wal: no save before the damage is intact, so there is nothing to repair: %w", r.report.Corruption)
	}
	end := logEnd{off: cut.off}
	for i, s := range r.segments {
		if s.seq != cut.seq {
			continue
		}
		r.keep = i + 1
		if r.keep == len(r.segments) {
			end.flips = ld.end.flips
		}
		size, err := s.file.Size()
		if err != nil {
			return end, err
		}
		win := window{f: s.file, name: s.String(), size: size}
		end.dirty, err = win.lastNonZero(cut.off)
		return end, err
	}
	return end, fmt.Errorf("wal: segment %d to cut at is not there", cut.seq)
}

// run keeps what is cut, and then cuts. A crash before the last step leaves a log
// that is still corrupt and can be repaired again; its segments never have a
// hole that this made, because they go from the last one down, each durably.
func (r *repair) run(end logEnd) error {
	if r.keep == 0 {
		r.keep = len(r.segments)
	}
	last := r.segments[r.keep-1]
	if err := r.keepTail(last, end); err != nil {
		return err
	}
	for i := len(r.segments) - 1; i >= r.keep; i-- {
		if err := r.setAside(r.segments[i]); err != nil {
			return err
		}
	}
	r.report.Segments = r.keep
	if err := heal(last.file, last.segmentName, end); err != nil {
		return err
	}
	return r.dir.Sync()
}

// keepTail copies what is cut off a segment into a .broken file.
func (r *repair) keepTail(s segment, end logEnd) error {
	if end.dirty <= end.off {
		return nil
	}
	f, name, err := r.newBroken(s)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := copyRange(f, s, end.off, end.dirty); err != nil {
		return fmt.Errorf("copy the end of segment %s to %s: %w", s.segmentName, name, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", name, err)
	}
	r.report.Broken = append(r.report.Broken, name)
	return r.dir.Sync()
}

// copyRange copies what stands in a segment from off to end to the beginning of a file; holes stay holes.
func copyRange(to vfs.File, s segment, off, end int64) error {
	win := window{f: s.file, name: s.String(), size: end}
	for p, err := range win.stretch(off, end) {
		if err != nil {
			return err
		}
		if _, err := to.WriteAt(p.data, p.off-off); err != nil {
			return err
		}
	}
	return nil
}

// setAside takes a whole segment out of the log.
func (r *repair) setAside(s segment) error {
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", s.segmentName, err)
	}
	f, name, err := r.newBroken(s) // takes the name; the segment then replaces the empty file
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := r.dir.Rename(s.String(), name); err != nil {
		return err
	}
	r.report.Broken = append(r.report.Broken, name)
	return r.dir.Sync()
}

// newBroken creates the first of <segment>.broken, <segment>.broken.1, … that does not exist.
func (r *repair) newBroken(s segment) (vfs.File, string, error) {
	name := s.String() + ".broken"
	for i := 1; ; i++ {
		f, err := r.dir.CreateNew(name)
		if !errors.Is(err, fs.ErrExist) {
			return f, name, err
		}
		name = fmt.Sprintf("%s.broken.%d", s, i)
	}
}
