package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// How a backup is made
//
// What a log has is never written again, but for the healing of what was never acknowledged, and a
// log is a run of whole segments, then a part of the last one that ends with a save. So the bytes
// up to a place that the writer has published, or that a reader has found to end a save, are a log
// by themselves, and can be copied while the writer goes on behind them. A purge deletes whole
// segments, the oldest first. A WAL holds those that its Backup needs, as for any reading. Beside
// another process the log is read again after a purge.
//
// A crash at any point leaves no backup that looks whole and is not:
//  1. The copy is made in <dir>.unfinished, a directory of its own that nobody takes for the
//     backup, and every file of it is synced.
//  2. It is read back as an open would read it, and its names are synced.
//  3. One rename gives it the name it was asked for, and the parent is synced: only then is it
//     acknowledged. Before that there is no backup; afterwards all of it is durable.

// Backup writes a copy of the log into dir: a log that opens, with all that was acknowledged
// before the call, all of it on stable storage when Backup returns nil, also what the log itself
// has not synced yet. Saves, cuts, purges and truncations go on meanwhile; what they do is in the
// copy or not. What was released is left out, as Purge would leave it. The copy shares nothing
// with the log: it is copied, and where the file system can, cloned. It is read back before it
// counts, so it costs one reading of the log.
//
// dir is made, with its missing parents; an empty directory may be there. One that is not empty is
// fs.ErrExist, and is left alone. dir cannot have the name of a segment, nor be a link or a mount
// point: name a directory below it. The directory that dir is in must be writable. A crash leaves
// no backup, but maybe <dir>.unfinished, which can be deleted. An error leaves nothing
// but parents that were made.
//
// The backup is no log that another WAL has open: it can be moved, packed, and opened anywhere. It
// is of the same node, though: of a log that Raft uses, the copy is never opened beside the
// original.
func (w *WAL) Backup(dir string) error {
	src, err := w.beginBackup()
	if err != nil {
		return err
	}
	defer w.end(src.hold)
	b := backup{fs: w.opts.fs, registry: w.registry, maxFiles: w.opts.maxOpenFiles}
	return b.make(dir, func(into vfs.Dir) ([]segmentName, int64, error) {
		src.into = into
		return src.names, src.end, src.copy()
	})
}

// beginBackup takes down what the log is now, and keeps it from being purged. The hold is to be
// ended.
func (w *WAL) beginBackup() (*backupSource, error) {
	w.writer.Lock()
	defer w.unlock()
	if err := w.sticky.err(); err != nil {
		return nil, err
	}
	src := &backupSource{
		handles: &w.files, life: &w.sticky, copied: map[segmentName]bool{},
	}
	for _, s := range w.segments {
		src.names = append(src.names, s.segmentName)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if src.end = w.publishedEnd.Off; src.end == 0 { // nothing was saved yet
		src.end = w.headerEnd
	}
	src.hold = w.register(nil, 0)
	src.hold.needs.Store(src.names[0].seq)
	return src, nil
}

// Backup writes a copy of the log in the directory from into the directory to, as [WAL.Backup]
// does, of a log that nobody or somebody else has open: it takes no lock and changes nothing in
// from. The copy is the log as [OpenForRead] would find it. A torn tail is left out. A log that is
// corrupt is not copied: the error is that of [Verify].
func Backup(lg *zap.Logger, from, to string, opts ...Option) error {
	o, d, err := openAt(from, opts)
	if err != nil {
		return err
	}
	defer d.Close()
	src := &backupSource{handles: new(fileCache), life: new(sticky), copied: map[segmentName]bool{}}
	src.handles.init(o, d)
	defer src.handles.shut()
	b := backup{fs: o.fs, registry: o.registry, maxFiles: o.maxOpenFiles}
	err = b.make(to, func(into vfs.Dir) ([]segmentName, int64, error) {
		src.into = into
		l := &loader{dir: d, registry: o.registry, maxFiles: o.maxOpenFiles}
		err := src.copyBeside(l)
		return src.names, src.end, err
	})
	if err == nil {
		orNop(lg).Info("copied the log", zap.String("from", from), zap.String("to", to),
			zap.Int("segments", len(src.names)))
	}
	return err
}

// backup is the making of one copy.
type backup struct {
	fs       vfs.FS
	registry *log.Registry
	maxFiles int // of the copy that are open at a time, when it is read back
}

// make makes the directory to appear, whole and durable, with what fill puts into it: segments, of
// which the last one has so many bytes.
func (b *backup) make(to string, fill func(vfs.Dir) ([]segmentName, int64, error)) error {
	to, err := absDir(b.fs, to)
	if err != nil {
		return err
	}
	if _, is := parseSegmentName(filepath.Base(to)); is {
		return fmt.Errorf("%w: a backup cannot have the name of a segment, %s; give another one",
			ErrInvalidArgument, to)
	}
	failed := func(err error) error { return fmt.Errorf("wal: backup to %s: %w", to, asReadOnly(err)) }
	empty, err := b.checkFree(to)
	if err == nil {
		err = makeDir(b.fs, filepath.Dir(to))
	}
	if err != nil {
		return failed(err)
	}
	parent, err := b.fs.OpenDir(filepath.Dir(to))
	if err != nil {
		return failed(err)
	}
	defer parent.Close()
	into, err := b.begin(to)
	if err != nil {
		return failed(err)
	}
	left := true
	defer func() { // also when a method of a record ends the goroutine
		if left {
			b.giveUp(into)
		}
	}()
	names, end, err := fill(into)
	if err == nil {
		err = b.check(into, names, end)
	}
	if err == nil {
		err = into.Sync()
	}
	if err == nil && empty {
		// It fails if somebody has put something into it meanwhile.
		if err = b.fs.Remove(to); err != nil {
			err = fmt.Errorf("%w; of a link or a mount point, name a directory below it", err)
		}
	}
	if err != nil {
		return failed(err)
	}
	left = false
	into.Close() // not every system gives an open directory another name
	if err := b.appear(parent, into.Path(), to); err != nil {
		if into, oerr := b.fs.OpenDir(into.Path()); oerr == nil {
			b.giveUp(into)
		}
		return failed(err)
	}
	return nil
}

// appear gives the copy its name, durably, or takes it back.
func (b *backup) appear(parent vfs.Dir, unfinished, to string) error {
	tmp, name := filepath.Base(unfinished), filepath.Base(to)
	if err := parent.Rename(tmp, name); err != nil {
		return err
	}
	err := parent.Sync()
	if err != nil {
		return errors.Join(err, parent.Rename(name, tmp))
	}
	return nil
}

// checkFree makes sure that there is nothing at the place of the backup but, at most, an empty
// directory.
func (b *backup) checkFree(to string) (empty bool, err error) {
	is, err := b.fs.IsDir(to)
	if err != nil || !is {
		return false, err
	}
	d, err := b.fs.OpenDir(to)
	if err != nil {
		return false, err
	}
	defer d.Close()
	names, err := d.List()
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("the directory is not empty: it holds %s; give another one: %w", names[0], fs.ErrExist)
	}
	return true, err
}

// begin makes the directory for the copy, beside the place where it is to be: one that is not
// there yet, be it of a backup that crashed or of one under way.
func (b *backup) begin(to string) (vfs.Dir, error) {
	name := to + ".unfinished"
	for i := 1; ; i++ {
		err := b.fs.Mkdir(name)
		if err == nil {
			into, err := b.fs.OpenDir(name)
			if err != nil {
				b.fs.Remove(name)
			}
			return into, err
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		name = fmt.Sprintf("%s.unfinished.%d", to, i)
	}
}

// giveUp removes the copy. What cannot be removed stays, under a name that says what it is.
func (b *backup) giveUp(into vfs.Dir) {
	if names, err := into.List(); err == nil {
		for _, name := range names {
			into.Remove(name)
		}
	}
	into.Close()
	b.fs.Remove(into.Path())
}

// check reads the copy back as an open would read it.
func (b *backup) check(into vfs.Dir, names []segmentName, end int64) error {
	there, err := listSegments(into)
	if err == nil && !slices.Equal(there, names) {
		err = fmt.Errorf("of the segments %v there are only %v; did somebody take them away?", names, there)
	}
	if err != nil {
		return err
	}
	l := &loader{dir: into, registry: b.registry, maxFiles: b.maxFiles}
	ld, err := l.load(names)
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("the copy does not open, so the log is damaged, or was in copying; "+
			"see Verify: %w", err)
	}
	if err != nil {
		return fmt.Errorf("read the copy back: %w", err)
	}
	if ld.end.off != end {
		return fmt.Errorf("the copy ends at offset %d of segment %s, and the log at %d",
			ld.end.off, names[len(names)-1], end)
	}
	return nil
}

// backupSource is a log that is copied: segments whole, and the last one up to its end.
type backupSource struct {
	handles *fileCache
	life    *sticky
	hold    *cursor // keeps a WAL from purging what is copied; nil: nothing does
	names   []segmentName
	end     int64   // of the last one, in bytes
	into    vfs.Dir // where to

	copied map[segmentName]bool // what is in there; whether whole
}

// purgedTries is how many times a copy begins anew because segments are purged meanwhile.
const purgedTries = 100

// copyBeside copies a log that a writer may be using, as it is at one moment. If anything was
// purged between the reading of the log and the end of the copying, the copy would be the old end
// of a log without what it began with, and maybe no snapshot in it that opens: the one that the
// purge was for can stand behind that end. So the log is read again. What was copied is still
// good.
func (s *backupSource) copyBeside(l *loader) error {
	for range purgedTries {
		ld, err := l.loadBeside(fromOldest)
		if err != nil {
			return err
		}
		if l.gone != nil {
			continue
		}
		s.names, s.end = ld.names, ld.end.off
		err = s.copy()
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("the log in %s is purged again and again while it is copied; try again later", l.dir.Path())
}

// copy copies the segments. Of an earlier try it keeps what is still part of the log.
func (s *backupSource) copy() error {
	for n, whole := range s.copied {
		if whole && slices.Contains(s.names, n) {
			continue
		}
		if err := s.into.Remove(n.String()); err != nil {
			return fmt.Errorf("remove %s, which was purged meanwhile: %v", n, err) // no fs.ErrNotExist of the log's
		}
		delete(s.copied, n)
	}
	for i, n := range s.names {
		last := i == len(s.names)-1
		if s.copied[n] && !last {
			continue
		}
		if err := s.segment(n, last); err != nil {
			return err
		}
	}
	return nil
}

// segment copies one segment.
func (s *backupSource) segment(n segmentName, last bool) error {
	in := segmentFile{s.handles, n}
	size, err := in.Size()
	if err != nil {
		return fmt.Errorf("size of segment %s: %w", n, err)
	}
	if last {
		size = s.end
	}
	out, err := s.into.CreateNew(n.String())
	if err != nil {
		return err
	}
	defer out.Close()
	s.copied[n] = false
	if err := s.bytes(out, in, size); err != nil {
		return fmt.Errorf("copy segment %s: %w", n, err)
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("sync the copy of segment %s: %w", n, err)
	}
	s.copied[n] = !last
	return nil
}

// backupStep is how much is copied with one file of the log in use, in bytes.
const backupStep = 4 << 20

// bytes copies the first size bytes of a segment. Holes stay holes.
func (s *backupSource) bytes(out vfs.File, in segmentFile, size int64) error {
	if err := out.Truncate(size); err != nil {
		return err
	}
	for off := int64(0); off < size; {
		start, end, err := in.Data(off)
		if err != nil {
			return err
		}
		if start == end {
			return nil
		}
		for off, end = max(off, start), min(end, size); off < end; {
			if err := s.life.err(); err != nil {
				return err
			}
			n := min(backupStep, end-off)
			if err := in.copyTo(out, off, n); err != nil {
				return err
			}
			off += n
		}
	}
	return nil
}

// copyTo copies n bytes of the segment at an offset to the same place of another file.
func (s *segmentFile) copyTo(out vfs.File, off, n int64) error {
	f, err := s.files.acquire(s.name)
	if err != nil {
		return err
	}
	defer s.files.release(f)
	return vfs.Copy(out, f.File, off, n)
}
