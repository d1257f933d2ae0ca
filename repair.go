package wal

import (
	"errors"
	"fmt"
	"io/fs"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// Repair mends the log in dir. If the log is open for writing, the error is [ErrLocked]. A torn
// tail is healed as Open would heal it, except that what is truncated is kept in a .broken file.
//
// A corruption is mended only with [WithTruncateCorruption], because acknowledged saves are lost
// then; the report says in Lost which. Without the option, Repair returns the corruption as its
// error and changes nothing, and the report says what would be lost. If the log holds records of a
// newer version, the error is [ErrNewerFormat]: only that version can repair it.
//
// Nothing that can be reached from a snapshot at which the log opens is taken away. If
// [ValidSnapshots] lists one in spite of the damage, the segments up to the damage are taken out,
// and the log begins after it. Otherwise the log is truncated after the last save before the
// damage.
//
// What is taken away is on stable storage in .broken files before the log is touched, and no
// .broken file is ever overwritten. A Repair that was interrupted can be run again.
func Repair(lg *zap.Logger, dir string, opts ...Option) (*Report, error) {
	o, d, err := openAt(dir, opts)
	if err != nil {
		return nil, asReadOnly(err)
	}
	defer d.Close()
	l := &loader{dir: d, registry: o.registry, maxFiles: o.maxOpenFiles, wanted: anySnapshot}
	var held locked
	defer held.close()
	s, _ := survey(l, func(pick picker) (*loaded, error) { return held.load(l, pick) })
	if s.damage != nil && !errors.As(s.damage, new(*CorruptionError)) {
		return nil, asReadOnly(s.damage)
	}
	r := &repair{
		dir: d, segments: held, keep: len(held), end: s.whole.end, report: newReport(s.whole),
	}
	if errors.As(s.damage, &r.report.Corruption) {
		if err := r.plan(s); err != nil {
			return r.report, err
		}
		if !o.truncateCorruption {
			return r.report, s.damage
		}
	}
	if o.dryRun {
		r.report.Segments = r.keep - r.first
		return r.report, nil
	}
	if err := r.run(); err != nil {
		return r.report, fmt.Errorf("wal: repair %s: %w", d.Path(), asReadOnly(err))
	}
	if r.report.Torn == nil && r.report.Corruption == nil {
		return r.report, nil
	}
	orNop(lg).Warn("repaired the log", zap.String("dir", d.Path()), zap.Any("torn", r.report.Torn),
		zap.Any("corruption", r.report.Corruption), zap.Any("lost", r.report.Lost),
		zap.Strings("kept-in", r.report.Broken))
	if t, healed := r.report.Torn, o.listener.Healed; t != nil && healed != nil {
		healed(*t)
	}
	return r.report, nil
}

// repair is one repair under way.
type repair struct {
	dir         vfs.Dir
	segments    locked // all that the log has
	first, keep int    // those that stay are segments[first:keep]
	end         logEnd // of the last one that stays, which is truncated there
	report      *Report
}

// plan decides what to take away because of damage, and writes into the report what is lost with
// it.
func (r *repair) plan(s *surveyed) error {
	r.report.Torn = nil
	if errors.Is(s.damage, ErrNewerFormat) { // this version cannot judge what it would take away
		return s.damage
	}
	if s.loaded != nil {
		if opens, err := s.snapshots(); err == nil && len(opens) > 0 {
			return r.keepBehind(s)
		}
	}
	return r.keepBefore(s.whole)
}

// keepBehind plans to take out the segments before those that were loaded into s.
func (r *repair) keepBehind(s *surveyed) error {
	r.first, r.end = len(s.before), s.end
	all, damage := r.report.Segments, r.report.Corruption
	*r.report = *newReport(s.loaded)
	r.report.Segments, r.report.Corruption = all, damage
	if first := min(s.whole.first(), s.before[0].before()+1); first < s.loaded.first() {
		r.report.Lost.FirstIndex, r.report.Lost.LastIndex = first, s.loaded.first()-1
	}
	return r.countLost(s.loaded)
}

// keepBefore plans to truncate the log after the last save before the damage. If there is no such
// save, it returns an error.
func (r *repair) keepBefore(ld *loaded) (err error) {
	c := r.report.Corruption
	if c.truncateTo.Off == 0 {
		return fmt.Errorf("wal: no save before the damage is intact, and the log opens at no snapshot "+
			"behind it, so there is nothing to repair: %w", c)
	}
	if r.end, err = r.truncateAt(c.truncateTo, ld); err != nil {
		return err
	}
	r.report.Lost.FirstIndex, r.report.Lost.LastIndex = c.FirstIndex, c.LastIndex
	return r.countLost(ld)
}

// truncateAt plans to keep the segments up to the position at, and returns the end of the log that
// is truncated there.
func (r *repair) truncateAt(at frame.Position, ld *loaded) (logEnd, error) {
	end := logEnd{off: at.Off}
	for i, s := range r.segments {
		if s.seq != at.Seq {
			continue
		}
		if err := r.segments[i].lock(r.dir); err != nil {
			return end, err
		}
		s = r.segments[i]
		if r.keep = i + 1; r.keep == len(r.segments) {
			end.flips = ld.end.flips
		}
		size, err := s.file.Size()
		if err != nil {
			return end, err
		}
		win := window{f: s.file, name: s.String(), size: size}
		end.dirty, err = win.lastNonZero(at.Off)
		return end, err
	}
	return end, fmt.Errorf("wal: segment %d to truncate is not there", at.Seq)
}

// countLost adds up what the plan takes away, and writes into the report at which snapshots the log
// that is left opens.
func (r *repair) countLost(left *loaded) error {
	// The error, that the state cannot be decoded, is dropped: Repair is not there to mend that.
	r.report.OpensAt, _ = (&surveyed{loaded: left}).snapshots()
	lost := &r.report.Lost
	lost.Bytes = max(r.end.dirty-r.end.off, 0)
	for i, s := range r.segments {
		if r.first <= i && i < r.keep {
			continue
		}
		size, err := r.size(s)
		if err != nil {
			return fmt.Errorf("wal: size of segment %s: %w", s.segmentName, err)
		}
		lost.Segments++
		lost.Bytes += size
	}
	return nil
}

// size returns the length of a segment in bytes. The segment need not be locked.
func (r *repair) size(s segment) (int64, error) {
	f, err := r.dir.OpenRead(s.String())
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Size()
}

// run takes away what the plan says. Everything that it takes away is kept in .broken files first.
// A crash before the last step leaves a log that is still corrupt, and that can be repaired again.
// Nor does a crash leave a gap among the segments: those after the part that stays go from the last
// one down, those before it from the oldest one up, and each is gone durably before the next one
// goes.
func (r *repair) run() error {
	if err := r.segments[r.keep-1].lock(r.dir); err != nil {
		return err
	}
	last := r.segments[r.keep-1]
	if err := r.keepTail(last, r.end); err != nil {
		return err
	}
	for i := len(r.segments) - 1; i >= r.keep; i-- {
		if err := r.setAside(&r.segments[i]); err != nil {
			return err
		}
	}
	for i := range r.segments[:r.first] {
		if err := r.setAside(&r.segments[i]); err != nil {
			return err
		}
	}
	r.report.Segments = r.keep - r.first
	if err := heal(last.file, last.segmentName, r.end); err != nil {
		return err
	}
	return r.dir.Sync()
}

// keepTail copies what is truncated of segment s, which ends at end, into a .broken file. The copy
// is on stable storage when it returns.
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

// copyRange copies what stands in segment s from off to end to the beginning of the file to. Holes
// stay holes.
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

// setAside takes a whole segment out of the log, durably, by renaming it to a .broken file.
func (r *repair) setAside(s *segment) error {
	if err := s.lock(r.dir); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", s.segmentName, err)
	}
	f, name, err := r.newBroken(*s) // reserves the name; the segment then replaces the empty file
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := r.dir.Rename(s.String(), name); err != nil {
		return err
	}
	s.file.Close()
	s.file = nil
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
