package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// backupTo are the two ways to a backup: by the WAL that has the log open, and by somebody else.
var backupTo = map[string]func(w *WAL, dir, to string, opts ...Option) error{
	"by the owner": func(w *WAL, _, to string, _ ...Option) error { return w.Backup(to) },
	"by another": func(_ *WAL, dir, to string, opts ...Option) error {
		return Backup(nil, dir, to, opts...)
	},
	"of a closed log": func(w *WAL, dir, to string, opts ...Option) error {
		if err := w.Close(); err != nil {
			return err
		}
		return Backup(nil, dir, to, opts...)
	},
}

// inUse is a log with several segments, snapshots, a truncation and an overwrite.
func inUse(t *testing.T, opts ...Option) (*WAL, string) {
	t.Helper()
	w, dir := newLog(t, append([]Option{WithSegmentSize(1024)}, opts...)...)
	for i := range uint64(6) {
		next := w.LastIndex() + 1
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: next}, entries(next, next+12)))
		require.NoError(t, w.SaveSnap(at(next+i)))
	}
	require.NoError(t, w.SaveEntry(entries(70, 72)))
	if !w.opts.etcdFormat {
		require.NoError(t, w.TruncateBack(71))
	}
	require.Greater(t, len(segmentsOf(t, dir)), 3)
	return w, dir
}

func TestBackup_IsTheLog(t *testing.T) {
	for name, backup := range backupTo {
		for kind, opts := range map[string][]Option{
			"synced": nil, "not synced": {WithNoSync()}, "etcd": {WithEtcdFormat()},
			"one open file": {WithMaxOpenFiles(1)},
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				w, dir := inUse(t, opts...)
				_, _, want, err := w.ReadAll()
				require.NoError(t, err)
				st, last := w.State(), w.LastIndex()
				snaps, err := ValidSnapshots(nil, dir, opts...)
				require.NoError(t, err)
				to := filepath.Join(t.TempDir(), "not", "there", "backup")
				require.NoError(t, backup(w, dir, to, opts...))

				got, err := ValidSnapshots(nil, to, opts...)
				require.NoError(t, err)
				require.Equal(t, snaps, got)
				for _, snap := range snaps {
					require.Equal(t, readAll(t, dir, snap, opts...), readAll(t, to, snap, opts...))
				}
				_, err = Verify(nil, to)
				require.NoError(t, err)
				requireOnlySegments(t, to)
				c := openLog(t, to, nil, opts...)
				require.Equal(t, last, c.LastIndex())
				cst, ents := contentsOf(t, c)
				require.Equal(t, st, cst)
				require.Equal(t, want, ents)
				before := files(t, dir)
				require.NoError(t, c.SaveEntry(entries(last+1, last+1)), "it goes on by itself")
				require.NoError(t, c.Close())
				require.Equal(t, before, files(t, dir), "it shares nothing with the log")
			})
		}
	}
}

// WithMaxOpenFiles bounds what a backup has open of the log, and of the copy when it is read back.
func TestBackup_OpensFewFiles(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // as many segments would be read at a time
	for name, backup := range backupTo {
		t.Run(name, func(t *testing.T) {
			slow := faultfs.New()
			reads := &countingFS{FS: slow}
			opts := []Option{withFS(reads), WithMaxOpenFiles(1), WithNoSync()}
			w, dir := newLog(t, opts...)
			fillSegments(t, w, 10)
			require.NoError(t, w.Sync())
			slow.Fail(func(c faultfs.Call) (int, error) {
				if c.Kind == faultfs.Read {
					time.Sleep(time.Millisecond) // long enough for another one to be opened meanwhile
				}
				return 0, nil
			})
			reads.counts()
			require.NoError(t, backup(w, dir, filepath.Join(t.TempDir(), "backup"), opts...))
			slow.Fail(nil)
			_, most, _ := reads.counts()
			require.LessOrEqual(t, most, 2, "one of the log and one of the copy")
		})
	}
}

// requireOnlySegments proves that nothing but segments is in a backup, and nothing beside it.
func requireOnlySegments(t *testing.T, to string) {
	t.Helper()
	for name := range files(t, to) {
		_, ok := parseSegmentName(name)
		require.True(t, ok, name)
	}
	beside, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	require.Len(t, beside, 1)
}

// A log in which nothing was saved yet, and one that was just opened.
func TestBackup_OfAnEmptyLog(t *testing.T) {
	for name, backup := range backupTo {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t)
			to := filepath.Join(t.TempDir(), "backup")
			require.NoError(t, backup(w, dir, to))
			c := openLog(t, to, nil)
			require.EqualValues(t, 0, c.LastIndex())
			require.Equal(t, []byte("metadata"), c.Metadata())
			to += "2"
			require.NoError(t, backup(c, c.dir.Path(), to))
			require.Equal(t, []byte("metadata"), openLog(t, to, nil).Metadata())
		})
	}
}

func TestBackup_WhereItMayGo(t *testing.T) {
	w, dir := inUse(t)
	settle(w) // the next segment's file may be on its way
	before := files(t, dir)
	for name, backup := range map[string]func(to string) error{
		"by the owner": w.Backup,
		"by another":   func(to string) error { return Backup(nil, dir, to) },
	} {
		t.Run(name, func(t *testing.T) {
			tmp := t.TempDir()
			empty, full := filepath.Join(tmp, "empty"), filepath.Join(tmp, "full")
			file := filepath.Join(tmp, "file")
			require.NoError(t, os.Mkdir(empty, 0o755))
			require.NoError(t, os.MkdirAll(filepath.Join(full, "mine"), 0o755))
			require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
			leftover := filepath.Join(tmp, "new.unfinished")
			require.NoError(t, os.Mkdir(leftover, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(leftover, "0"), []byte("a crash left it"), 0o600))

			require.ErrorIs(t, backup(full), fs.ErrExist)
			require.DirExists(t, filepath.Join(full, "mine"))
			require.ErrorContains(t, backup(file), file)
			require.ErrorContains(t, backup(filepath.Join(file, "below")), file)
			require.ErrorIs(t, backup(""), ErrInvalidArgument)
			require.ErrorIs(t, backup(dir), fs.ErrExist, "the log itself")
			segment := filepath.Join(dir, segmentName{seq: 63, index: 999}.String())
			require.ErrorIs(t, backup(segment), ErrInvalidArgument, "it would be one of the log's")
			link := filepath.Join(t.TempDir(), "link")
			if os.Symlink(empty, link) == nil { // where that is allowed
				require.ErrorContains(t, backup(link), "name a directory below it")
				at, err := os.Readlink(link)
				require.NoError(t, err)
				require.Equal(t, empty, at)
			}
			require.NoError(t, backup(empty))
			require.NoError(t, backup(filepath.Join(tmp, "new")))
			require.Equal(t, map[string]string{"0": "a crash left it"}, files(t, leftover))
			require.ErrorIs(t, backup(filepath.Join(tmp, "new")), fs.ErrExist,
				"a backup is not written over")
			list, err := os.ReadDir(tmp)
			require.NoError(t, err)
			require.Len(t, list, 5)
		})
	}
	require.Equal(t, before, files(t, dir))
	require.ErrorIs(t, Backup(nil, filepath.Join(dir, "none"), t.TempDir()), fs.ErrNotExist)
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Backup(filepath.Join(t.TempDir(), "backup")), ErrClosed)
}

// What was released is not in the copy, whether it was purged or not.
func TestBackup_LeavesOutWhatWasReleased(t *testing.T) {
	w, dir := inUse(t)
	snaps, err := ValidSnapshots(nil, dir)
	require.NoError(t, err)
	newest := snaps[len(snaps)-1]
	require.NoError(t, w.Release(newest))
	to := filepath.Join(t.TempDir(), "backup")
	require.NoError(t, w.Backup(to))
	_, err = w.Purge()
	require.NoError(t, err)
	want, err := ValidSnapshots(nil, dir)
	require.NoError(t, err)
	got, err := ValidSnapshots(nil, to)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, readAll(t, dir, newest), readAll(t, to, newest))
}

// As long as a backup is under way, nothing of it is purged.
func TestBackup_HoldsWhatItCopies(t *testing.T) {
	w, dir := inUse(t)
	src, err := w.beginBackup()
	require.NoError(t, err)
	snaps, err := ValidSnapshots(nil, dir)
	require.NoError(t, err)
	require.NoError(t, w.Release(snaps[len(snaps)-1]))
	removed, err := w.Purge()
	require.NoError(t, err)
	require.Zero(t, removed)
	w.end(src.hold)
	removed, err = w.Purge()
	require.NoError(t, err)
	require.Positive(t, removed)
}

// A torn tail is left out, a missing bit is put back, and damage is copied nowhere.
func TestBackup_OfALogThatWasHurt(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	data := make([]byte, 1500)
	data[700] = 0x10
	require.NoError(t, w.SaveEntry([]log.LogEntry{entry(1, 4, string(data))}))
	w.Abandon()
	path := segmentsOf(t, dir)[0]
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	frames := framesOf(t, path)
	last := frames[len(frames)-1]

	hurt := func(name string, change func(b []byte), want error, entries int) {
		b := []byte(string(whole))
		change(b)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		to := filepath.Join(t.TempDir(), "backup")
		err := Backup(nil, dir, to)
		require.ErrorIs(t, err, want, name)
		if want != nil {
			require.ErrorContains(t, err, filepath.Base(path), name)
			list, err := os.ReadDir(filepath.Dir(to))
			require.NoError(t, err)
			require.Empty(t, list, name)
			return
		}
		require.Len(t, readAll(t, to, nil), entries, name)
		report, err := Verify(nil, to)
		require.NoError(t, err)
		require.Nil(t, report.Torn, name)
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, b, now, "the log is left alone")
	}
	bit := last.off + int64(strings.IndexByte(string(whole[last.off:]), 0x10))
	for whole[bit+1] != 0 || whole[bit-1] != 0 {
		bit += 1 + int64(strings.IndexByte(string(whole[bit+1:]), 0x10))
	}
	hurt("whole", func([]byte) {}, nil, 4)
	hurt("a torn tail", func(b []byte) {
		clear(b[last.off+last.Size-100 : last.off+last.Size])
	}, nil, 3)
	hurt("a missing bit", func(b []byte) { b[bit] = 0 }, nil, 4)
	hurt("damage", func(b []byte) { b[frames[4].off+20] ^= 0xff }, ErrCorrupt, 0)
}

// Damage that came after the log was opened is not in a backup that counts.
func TestBackup_DoesNotTakeDamageAlong(t *testing.T) {
	w, dir := inUse(t)
	path := segmentsOf(t, dir)[1]
	patch(t, path, framesOf(t, path)[3].off+20, []byte{0x55, 0xaa, 0x55}, func() {
		to := filepath.Join(t.TempDir(), "backup")
		err := w.Backup(to)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, filepath.Base(path))
		require.NoDirExists(t, to)
	})
	require.NoError(t, w.Backup(filepath.Join(t.TempDir(), "backup")))
}

// A close in the middle ends it, and leaves nothing.
func TestBackup_EndsWithTheLog(t *testing.T) {
	fsys := faultfs.New()
	w, dir := inUse(t, withFS(fsys))
	to := filepath.Join(t.TempDir(), "backup")
	second := filepath.Base(segmentsOf(t, dir)[1])
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Create && o.Name == second {
			go w.Abandon()
			<-w.sticky.done
		}
		return 0, nil
	})
	require.ErrorIs(t, w.Backup(to), ErrClosed)
	list, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	require.Empty(t, list)
}

// Any one call fails: there is no backup, nothing is left, and the log goes on.
func TestBackup_AnyOneFailingCallLeavesNothing(t *testing.T) {
	const to = "backups/today"
	bad := errors.New("bad")
	life := func(failing int) (calls int, done bool) {
		disk := crashfs.New(crashfs.Image{"backups/": nil})
		opts := []Option{withFS(disk), WithSegmentSize(512), WithPreallocation(PreallocateNone)}
		w, err := Create(nil, crashDir, []byte(crashMetadata), opts...)
		require.NoError(t, err)
		require.NoError(t, w.SaveEntry(entries(1, 20)))
		require.NoError(t, w.SaveEntry(entries(21, 22)))
		settle(w)
		opened := disk.Opened()
		what := ""
		disk.Inject(func(c faultfs.Call) *crashfs.Fault {
			calls++
			if calls == failing {
				what = fmt.Sprint(c)
				return &crashfs.Fault{Err: bad}
			}
			return nil
		})
		err = w.Backup(to)
		disk.Inject(nil)
		if err != nil {
			require.ErrorIs(t, err, bad, what)
			require.Equal(t, map[string][]byte{}, disk.Image().Dir("backups"), what)
			require.NotContains(t, disk.Image(), to+"/", what)
			require.NotContains(t, disk.Image(), to+".unfinished/", what)
		} else {
			require.Len(t, readAll(t, to, nil, opts...), 22, what)
		}
		require.NoError(t, w.SaveEntry(entries(23, 23)), "the log goes on: %s", what)
		w.files.shut() // what is kept open for the next read
		require.LessOrEqual(t, disk.Opened(), opened, what)
		require.NoError(t, w.Close())
		return calls, err == nil
	}
	all, done := life(0)
	require.True(t, done)
	failed := 0
	for i := range all {
		if _, done := life(i + 1); !done {
			failed++
		}
	}
	t.Logf("%d calls, of which %d make the backup fail", all, failed)
	require.Greater(t, failed, all/2)
}

// The power is cut at every moment of a backup: it is there in whole, or not at all, and from its
// acknowledgement on it is there.
func TestBackup_CrashAtEveryMoment(t *testing.T) {
	plan := newCrashPlan(t, 7)
	for name, owner := range map[string]bool{"by the owner": true, "by another": false} {
		t.Run(name, func(t *testing.T) {
			for round := range 1 + plan.Images/20000 {
				crashBackup(t, plan, plan.Random("backup", name, round), owner)
			}
		})
	}
}

func crashBackup(t *testing.T, plan crashmodel.Plan, rnd *rand.Rand, owner bool) {
	r := newCrashRun(t, crashWorkload{size: 512}, PreallocateReserve, rnd)
	r.create()
	for range 4 {
		r.save(r.state(), r.entries(2, 300)...)
	}
	begun, want := r.at(), r.life.Newest()
	r.backup(owner)
	acked := r.at()
	r.save(nil, r.entries(2, 300)...)
	dir := fmt.Sprintf("backups/%d", r.next)
	for name := range r.life.Disk.Image() { // the payloads have counted too
		if d, ok := strings.CutSuffix(name, "/"); ok && strings.HasPrefix(d, "backups/") {
			dir = d
		}
	}
	there := 0
	for m := r.life.Record.Media(); m.Advance(); {
		for range 3 {
			im := m.Sample(rnd)
			if m.At() < begun {
				continue
			}
			if im.Dir(dir) == nil {
				require.Less(t, m.At(), acked, "it is gone")
				continue
			}
			there++
			b, err := Open(nil, dir, nil, append(r.opts, withFS(crashfs.New(im.Clone())))...)
			require.NoError(t, err, "after change %d", m.At())
			f, err := foundIn(&b.view, crashMetadata)
			require.NoError(t, err)
			require.True(t, want.Is(f, 0), "after change %d: %v", m.At(), f.Contents())
		}
	}
	require.Positive(t, there)
	j := &crashmodel.Judge{Life: r.life, System: crashOptions(r.opts), Rand: rnd}
	requireSurvived(t, j.Everywhere(plan), r.life)
}

// backedUp is a log that is copied while it changes.
type backedUp struct {
	*WAL
	floor atomic.Uint64 // entries up to it are acknowledged, and not dropped any more
}

// change makes one round of changes: saves, a truncation, and now and then what drops entries.
func (w *backedUp) change(round uint64) error {
	last := w.LastIndex()
	st := &walpb.HardState{Term: round, Commit: last}
	if err := w.Save(st, entries(last+1, last+7)); err != nil {
		return err
	}
	if err := w.TruncateBack(last + 5); err != nil {
		return err
	}
	w.floor.Store(last + 5)
	switch {
	case round%31 == 0:
		st.Commit = last + 11
		if err := w.Restore(at(last+9), st, entries(last+10, last+11)); err != nil {
			return err
		}
		w.floor.Store(last + 11)
	case round%23 == 0:
		return w.Compact(last)
	case round%5 == 0:
		if err := release(w.WAL, at(last)); err != nil {
			return err
		}
		_, err := w.Purge()
		return err
	}
	return nil
}

// requireBackup makes sure that a backup opens at every snapshot that it lists, and has all entries
// that were acknowledged when it was begun.
func requireBackup(t *testing.T, dir string, acked uint64) {
	t.Helper()
	report, err := Verify(nil, dir)
	require.NoError(t, err)
	require.Nil(t, report.Torn)
	require.GreaterOrEqual(t, report.LastIndex, acked)
	snaps, err := ValidSnapshots(nil, dir)
	require.NoError(t, err)
	for _, snap := range append(snaps, nil) {
		for _, ent := range readAll(t, dir, snap) {
			require.Equal(t, entries(ent.GetIndex(), ent.GetIndex())[0], ent)
		}
	}
}

// Backups beside a writer that saves, cuts, truncates, purges, compacts and restores.
func TestBackup_BesideAWriter(t *testing.T) {
	log, dir := newLog(t, WithSegmentSize(1024), WithNoSync())
	w := &backedUp{WAL: log}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for round := uint64(1); err == nil; round++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
				err = w.change(round)
			}
		}
		done <- err
	}()
	tmp := t.TempDir()
	for i := range 30 {
		acked, to := w.floor.Load(), filepath.Join(tmp, fmt.Sprint(i))
		if i%2 == 0 {
			require.NoError(t, w.Backup(to))
		} else {
			require.NoError(t, Backup(nil, dir, to))
		}
		requireBackup(t, to, acked)
		require.NoError(t, os.RemoveAll(to))
	}
	close(stop)
	require.NoError(t, <-done)
	require.Empty(t, w.readers)
	require.Positive(t, w.Stats().Cuts)
}

func TestBackup_InMemory(t *testing.T) {
	m := WithMemory(NewMemory())
	w, err := Create(nil, "/log", nil, m)
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry(entries(1, 9)))
	require.NoError(t, w.Backup("/backups/a"))
	require.NoError(t, Backup(nil, "/log", "/backups/b", m))
	require.ErrorIs(t, w.Backup("/backups/a"), fs.ErrExist)
	for _, dir := range []string{"/backups/a", "/backups/b"} {
		require.Equal(t, entries(1, 9), readAll(t, dir, nil, m))
	}
	require.NoError(t, w.Close())
}
