// Package snap keeps the snapshots of a state machine as files in a directory. A snapshot is
// written as a stream and read as a stream, so it may be larger than memory. It appears as a whole
// or not at all, whatever crash comes, and no byte is handed out that was not verified.
//
// The package can be used without the log. It also reads the .snap files that etcd has written.
// What is not a snapshot in the directory, it leaves alone.
package snap

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/internal/access"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// Meta says which snapshot it is: of the state after entry Index, which has the term Term, with the
// members of the cluster by then.
type Meta struct {
	Index, Term uint64
	ConfState   *raftpb.ConfState // nil: none
}

// ErrCorrupt is the error of a file, or of a stream, that does not hold what was written. A
// snapshot is then to be had from another node.
var ErrCorrupt = errors.New("snap: the snapshot is damaged or cut off; take one from another node")

// A name has the term and the index, as etcd names its snapshots.
const (
	suffix     = ".snapshot"
	etcdSuffix = ".snap"
	tmpSuffix  = ".snapshot.tmp"
)

// id is which snapshot it is.
type id struct{ index, term uint64 }

// name returns the name of its file.
func (i id) name(suffix string) string {
	return fmt.Sprintf("%016x-%016x%s", i.term, i.index, suffix)
}

// idOf returns which snapshot a file is, by its name.
func idOf(file, suffix string) (i id, ok bool) {
	base, ok := strings.CutSuffix(file, suffix)
	term, index, _ := strings.Cut(base, "-")
	var err1, err2 error
	i.term, err1 = strconv.ParseUint(term, 16, 64)
	i.index, err2 = strconv.ParseUint(index, 16, 64)
	return i, ok && err1 == nil && err2 == nil && file == i.name(suffix)
}

// Dir is a directory with snapshots. Its methods are safe for concurrent use. Only one Dir at a
// time writes into a directory.
type Dir struct {
	dir  vfs.Dir
	temp atomic.Uint64 // numbers the files that are being written

	mu    sync.Mutex
	whole map[id]bool // the snapshots that are known to be whole and durable
}

// Open opens a directory of snapshots, and makes it if it is not there. It removes what a crash
// left half written. Of the options, those of a log, only WithMemory counts.
func Open(path string, opts ...wal.Option) (*Dir, error) {
	settings, err := access.Of(opts)
	if err != nil {
		return nil, fmt.Errorf("snap: %w", err)
	}
	path, err = settings.FS.Abs(path)
	if err == nil {
		err = vfs.MakeDir(settings.FS, path)
	}
	var dir vfs.Dir
	if err == nil {
		dir, err = settings.FS.OpenDir(path)
	}
	if err != nil {
		return nil, fmt.Errorf("snap: open the directory of the snapshots: %w", err)
	}
	d := &Dir{dir: dir, whole: make(map[id]bool)}
	if err := d.removeTemporary(); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return d, nil
}

// removeTemporary removes what crashes left of snapshots being written.
func (d *Dir) removeTemporary() error {
	names, err := d.dir.List()
	for _, name := range names {
		if !strings.HasSuffix(name, tmpSuffix) {
			continue
		}
		ours, look := d.dir.IsFile(name)
		if err = errors.Join(err, look); ours {
			err = errors.Join(err, d.dir.Remove(name))
		}
	}
	if err != nil {
		return fmt.Errorf("snap: remove what a crash left: %w", err)
	}
	return nil
}

// Path returns the path of the directory.
func (d *Dir) Path() string { return d.dir.Path() }

// Close gives up the directory. Snapshots that are open stay so.
func (d *Dir) Close() error { return d.dir.Close() }

// Create writes a snapshot: write is called once, with what takes the snapshot's data. When Create
// returns nil, the snapshot is on stable storage. After an error, also one that write returns, or a
// panic of write, there is no trace of it, unless the last sync is what failed. A snapshot of the
// same index and term is replaced.
//
// The data goes into a file with a name of its own, which is synced before it gets the snapshot's
// name; then the directory is synced. So a crash leaves the snapshot or, for the next Open to
// remove, a part of it that no reader takes for one.
func (d *Dir) Create(m Meta, write func(io.Writer) error) error {
	err := d.create(m, write)
	if err != nil {
		return fmt.Errorf("snap: write the snapshot at index %d: %w", m.Index, err)
	}
	return nil
}

// create does what Create does.
func (d *Dir) create(m Meta, write func(io.Writer) error) error {
	f, tmp, err := d.createTemporary()
	if err != nil {
		return err
	}
	named := false
	defer func() { // also if write panics
		if !named {
			f.Close()
			d.dir.Remove(tmp)
		}
	}()
	if err := fill(io.NewOffsetWriter(f, 0), m, write); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	i := id{m.Index, m.Term}
	d.setWhole(i, false) // until the new one is durable
	if err := d.dir.Rename(tmp, i.name(suffix)); err != nil {
		return err
	}
	named = true
	if err := d.dir.Sync(); err != nil {
		return err
	}
	d.setWhole(i, true)
	return nil
}

// createTemporary makes a file with a name that is free.
func (d *Dir) createTemporary() (f vfs.File, name string, err error) {
	for range 100 { // others have no reason to take such names
		name = fmt.Sprint(d.temp.Add(1), tmpSuffix)
		if f, err = d.dir.CreateNew(name); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, name, err
}

// setWhole notes whether a snapshot is known to be whole and durable.
func (d *Dir) setWhole(i id, whole bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if delete(d.whole, i); whole {
		d.whole[i] = true
	}
}

// Put writes a snapshot that another node's Send has sent, with the guarantees of Create, and
// returns which one it is. If the stream was cut off or damaged, the error is an ErrCorrupt, and
// there is no trace of it.
func (d *Dir) Put(r io.Reader) (Meta, error) {
	in, err := newReader(r)
	if err != nil {
		return Meta{}, fmt.Errorf("snap: receive a snapshot: %w", err)
	}
	return in.meta, d.Create(in.meta, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// Send writes a snapshot to w in the form that Put takes, with its metadata and its checksums.
// Without such a snapshot the error is fs.ErrNotExist: a newer one may have replaced it.
func (d *Dir) Send(w io.Writer, index, term uint64) error {
	r, err := d.Open(index, term)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := fill(w, r.meta, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	}); err != nil {
		return fmt.Errorf("snap: send the snapshot at index %d: %w", index, err)
	}
	return nil
}

// Open opens a snapshot for reading. Without such a snapshot the error is fs.ErrNotExist.
func (d *Dir) Open(index, term uint64) (*Reader, error) {
	i := id{index, term}
	f, err := d.dir.OpenRead(i.name(suffix))
	open := openFile
	if errors.Is(err, fs.ErrNotExist) {
		if theirs, err2 := d.dir.OpenRead(i.name(etcdSuffix)); !errors.Is(err2, fs.ErrNotExist) {
			f, err, open = theirs, err2, openEtcd
		}
	}
	if err != nil {
		return nil, fmt.Errorf("snap: open the snapshot at index %d, term %d: %w", index, term, err)
	}
	r, err := open(f)
	if err == nil && (id{r.meta.Index, r.meta.Term}) != i {
		err = corrupt(fmt.Sprintf("it holds the one at index %d, term %d", r.meta.Index, r.meta.Term))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("snapshot at index %d, term %d, in %s: %w", index, term, d.Path(), err)
	}
	return r, nil
}

// List returns the index and the term of all snapshots, the newest first. It looks at their names
// only.
func (d *Dir) List() ([]Meta, error) {
	ids, err := d.ids(suffix, etcdSuffix)
	if err != nil {
		return nil, err
	}
	var all []Meta
	for _, i := range slices.Compact(ids) {
		all = append(all, Meta{Index: i.index, Term: i.term})
	}
	return all, nil
}

// ids returns what the names of the files stand for, the newest first.
func (d *Dir) ids(suffixes ...string) (ids []id, err error) {
	names, err := d.dir.List()
	if err != nil {
		return nil, fmt.Errorf("snap: list the snapshots: %w", err)
	}
	for _, name := range names {
		for _, suffix := range suffixes {
			if i, ok := idOf(name, suffix); ok {
				ids = append(ids, i)
			}
		}
	}
	slices.SortFunc(ids, func(a, b id) int {
		return cmp.Or(cmp.Compare(b.index, a.index), cmp.Compare(b.term, a.term))
	})
	return ids, nil
}

// Newest returns the newest snapshot that is whole: it reads it to its end. Without one the error
// is fs.ErrNotExist.
func (d *Dir) Newest() (Meta, error) {
	all, err := d.List()
	for _, m := range all {
		if found, err := d.Verify(m.Index, m.Term); err == nil {
			return found, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("snap: no whole snapshot in %s: %w", d.Path(), fs.ErrNotExist)
	}
	return Meta{}, err
}

// Verify reads a snapshot to its end, and returns what it says of itself.
func (d *Dir) Verify(index, term uint64) (Meta, error) {
	r, err := d.Open(index, term)
	if err != nil {
		return Meta{}, err
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		return Meta{}, fmt.Errorf("snapshot at index %d, term %d, in %s: %w", index, term, d.Path(), err)
	}
	return r.meta, nil
}

// Has returns nil if there is a whole snapshot of that index and term on stable storage. It reads
// the snapshot only if this Dir has neither written it nor done so before.
func (d *Dir) Has(index, term uint64) error {
	d.mu.Lock()
	known := d.whole[id{index, term}]
	d.mu.Unlock()
	if known {
		return nil
	}
	if _, err := d.Verify(index, term); err != nil {
		return err
	}
	// Its bytes are durable, as it has its name. The name need not be: a killed process may have left
	// it.
	if err := d.dir.Sync(); err != nil {
		return fmt.Errorf("snap: %w", err)
	}
	d.setWhole(id{index, term}, true)
	return nil
}

// Purge deletes the snapshots with an index below index, but for those that etcd wrote.
func (d *Dir) Purge(index uint64) error {
	ids, err := d.ids(suffix)
	for _, i := range ids {
		if i.index < index {
			d.setWhole(i, false)
			err = errors.Join(err, d.dir.Remove(i.name(suffix)))
		}
	}
	if err != nil {
		return fmt.Errorf("snap: delete old snapshots: %w", err)
	}
	return nil
}
