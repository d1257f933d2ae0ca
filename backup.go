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
// What a log holds is never written again, except when what was never acknowledged is healed. A log
// consists of whole segments, and of the last segment up to the end of a save. So the bytes up to a
// position that the writer has published, or at which a reader has found that a save ends, are a
// log by themselves. They can be copied while the writer goes on after them.
//
// A purge deletes whole segments, the oldest first. A WAL keeps those that its Backup needs, as for
// any reading. Beside another process, the log is read again after a purge.
//
// A crash at any point leaves no backup that looks whole and is not:
//  1. The copy is made in <dir>.unfinished, a directory of its own that cannot be mistaken for the
//     backup, and every file of it is synced.
//  2. The copy is read back as an open would read it, and its names are synced.
//  3. One rename gives it the name that was asked for, and the parent is synced. Only then is it
//     acknowledged. Before the rename there is no backup; after it all of the backup is durable.

// Backup writes a copy of the log into dir. The copy is a log that opens, and it holds everything
// that was acknowledged before the call. When Backup returns nil, all of it is on stable storage,
// even what the log itself has not synced yet. Saves, cuts, purges and truncations go on meanwhile;
// what they do is in the copy or not. What was released is left out, as Purge would leave it out.
// The copy shares nothing with the log: its files are copied or, if the file system can do that,
// cloned. It is read back before it counts, so a backup costs one reading of the log.
//
// Backup creates dir, and its missing parents. An empty directory may be there already. If dir is
// not empty, the error is fs.ErrExist and dir is left alone. dir cannot have the name of a segment,
// nor be a link or a mount point: name a directory below it. The directory that holds dir must be
// writable. The backup's directory is the user's alone, with mode 0700, even if an empty one with
// another mode was there. A crash leaves no backup, but may leave <dir>.unfinished, which can be
// deleted; the name of dir must leave room for these 11 bytes. An error leaves nothing but the
// parents that were created.
//
// No WAL has the backup open: it can be moved, packed, and opened anywhere. It is a log of the same
// node, though: if Raft uses the log, never open the copy beside the original.
func (w *WAL) Backup(dir string) error {
	w.writer.Lock()
	if err := w.awaitAll(w.now()); err != nil { // a copy has every save that has returned
		return err
	}
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

// beginBackup records what the log consists of now, and keeps it from being purged until the caller
// ends the hold.
func (w *WAL) beginBackup() (*backupSource, error) {
	w.writer.Lock()
	defer w.unlock()
	if err := w.sticky.err(); err != nil {
		return nil, err
	}
	src := &backupSource{
		files: &w.files, sticky: &w.sticky, copied: map[segmentName]bool{},
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
// does. The log may be open, in any process, or closed: Backup takes no lock, and changes nothing
// in from. The copy is the log as [OpenForRead] would find it. A torn tail is left out. A log that
// is corrupt is not copied: the error is that of [Verify].
func Backup(lg *zap.Logger, from, to string, opts ...Option) error {
	o, d, err := openAt(from, opts)
	if err != nil {
		return err
	}
	defer d.Close()
	src := &backupSource{
		files: new(fileCache), sticky: new(sticky), copied: map[segmentName]bool{},
	}
	src.files.init(o, d)
	defer src.files.shut()
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
	maxFiles int // how many files of the copy may be open at a time when it is read back
}

// make creates the directory to, whole and durable, with what fill writes into it. fill returns the
// names of the segments and the length in bytes of the last one.
func (b *backup) make(to string, fill func(vfs.Dir) ([]segmentName, int64, error)) error {
	to, err := b.target(to)
	if err != nil {
		return err
	}
	failed := func(err error) error { return fmt.Errorf("wal: backup to %s: %w", to, asReadOnly(err)) }
	empty, err := b.checkFree(to)
	if err == nil {
		err = vfs.MakeDir(b.fs, filepath.Dir(to))
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
		err = b.removeEmpty(to)
	}
	if err != nil {
		return failed(err)
	}
	left = false
	into.Close() // not every system can rename a directory that is open
	if err := b.appear(parent, into.Path(), to); err != nil {
		if into, oerr := b.fs.OpenDir(into.Path()); oerr == nil {
			b.giveUp(into)
		}
		return failed(err)
	}
	return nil
}

// target returns the absolute path of the copy, and refuses the name of a segment.
func (b *backup) target(to string) (string, error) {
	to, err := absDir(b.fs, to)
	if err != nil {
		return "", err
	}
	if _, is := parseSegmentName(filepath.Base(to)); is {
		return "", fmt.Errorf("%w: a backup cannot have the name of a segment, %s; give another one",
			ErrInvalidArgument, to)
	}
	return to, nil
}

// removeEmpty removes the directory that the copy replaces. It fails if something was put into it
// meanwhile.
func (b *backup) removeEmpty(to string) error {
	if err := b.fs.Remove(to); err != nil {
		return fmt.Errorf("%w; of a link or a mount point, name a directory below it", err)
	}
	return nil
}

// appear renames the copy from unfinished to to, durably. If the sync fails, it renames it back.
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

// checkFree returns an error if dir to holds anything, and reports whether there is an empty
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
		err = fmt.Errorf("the directory is not empty: it holds %s; give another one: %w",
			names[0], fs.ErrExist)
	}
	return true, err
}

// begin creates the directory for the copy, beside the directory to. It chooses a name that is not
// taken: by a backup that crashed, or by one under way.
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

// giveUp removes the unfinished copy. What cannot be removed stays, under a name that says what it
// is.
func (b *backup) giveUp(into vfs.Dir) {
	if names, err := into.List(); err == nil {
		for _, name := range names {
			into.Remove(name)
		}
	}
	into.Close()
	b.fs.Remove(into.Path())
}

// check reads the copy back as an open would read it, and returns an error if it does not consist
// of the segments names, or does not end at offset end of the last one.
func (b *backup) check(into vfs.Dir, names []segmentName, end int64) error {
	there, err := listSegments(into)
	if err == nil && !slices.Equal(there, names) {
		err = fmt.Errorf("of the segments %v there are only %v; were some taken away?",
			names, there)
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

// backupSource is a log that is copied: whole segments, and the last one up to end.
type backupSource struct {
	files  *fileCache
	sticky *sticky
	hold   *cursor // keeps a WAL from purging what is copied; nil: nothing does
	names  []segmentName
	end    int64   // how much of the last one is copied, in bytes
	into   vfs.Dir // the directory of the copy

	copied map[segmentName]bool // the segments that are in it; true: whole
}

// purgedTries is how many times a copy begins anew because segments are purged meanwhile.
const purgedTries = 100

// copyBeside copies a log that a writer may be using, as it is at one moment. If segments are
// purged between the reading of the log and the end of the copying, the copy would have the old end
// but not the old beginning. It might then hold no snapshot that opens, because the snapshot that
// the purge was for can stand after that end. So the log is read again. What was copied by then is
// still good.
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
	return fmt.Errorf("the log in %s is purged again and again while it is copied; try again later",
		l.dir.Path())
}

// copy copies the segments. It keeps the whole segments that an earlier try has copied, if they are
// still part of the log.
func (s *backupSource) copy() error {
	for n, whole := range s.copied {
		if whole && slices.Contains(s.names, n) {
			continue
		}
		if err := s.into.Remove(n.String()); err != nil {
			// %v, not %w: an fs.ErrNotExist would look as if a segment of the log had been purged.
			return fmt.Errorf("remove %s, which was purged meanwhile: %v", n, err)
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

// segment copies one segment and syncs the copy. Of the last one it copies what lies before end.
func (s *backupSource) segment(n segmentName, last bool) error {
	in := segmentFile{s.files, n}
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

// backupStep is how many bytes are copied at most before the log's file is given back to the cache.
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
			if err := s.sticky.err(); err != nil {
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

// copyTo copies n bytes of the segment from off on to the same offset of another file.
func (s *segmentFile) copyTo(out vfs.File, off, n int64) error {
	f, err := s.files.acquire(s.name)
	if err != nil {
		return err
	}
	defer s.files.release(f)
	return vfs.Copy(out, f.File, off, n)
}
