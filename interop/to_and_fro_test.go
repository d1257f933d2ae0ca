package interop

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/walpb"
)

// A log goes to etcd and comes back, again and again, and sometimes its user crashes in the middle
// of a save. Neither implementation ever misses what the other has acknowledged, and neither takes
// the other's records for damage.
func TestALogGoesToEtcdAndBackAgainAndAgain(t *testing.T) {
	for name, c := range map[string]struct {
		segments int64 // times segmentSize
		opts     []wal.Option
	}{
		"trailered": {1, nil}, "etcd": {4, []wal.Option{wal.WithEtcdFormat()}},
		"trailered, long segments": {8, nil},
	} {
		t.Run(name, func(t *testing.T) {
			setSegmentSize(t, c.segments*segmentSize)
			opts := append([]wal.Option{wal.WithSegmentSize(c.segments * segmentSize)}, c.opts...)
			var turned atomic.Int64
			forSeeds(t, func(t *testing.T, seed uint64) {
				for _, f := range segments(t, goToAndFro(t, seed, opts)) {
					if recs := f.parse(t); recs[0].Trailer != 0 && recs[len(recs)-1].Trailer == 0 {
						turned.Add(1)
					}
				}
			})
			require.Equal(t, c.opts == nil, turned.Load() > 0, "%d segments turned plain", turned.Load())
			t.Log("segments that turned plain:", turned.Load())
		})
	}
}

func goToAndFro(t *testing.T, seed uint64, opts []wal.Option) (dir string) {
	g := newGenerator(seed)
	dir = newDir(t)
	g.maxData = segmentSize / 4
	theirTurn := g.IntN(2) == 0
	create := func() saver { return createOurs(t, dir, g.metadata, opts...) }
	if theirTurn {
		create = func() saver { return createEtcd(t, dir, g.metadata) }
	}
	s := apply(t, create(), &walpb.Snapshot{}, g.more(8))
	for range 5 {
		newest, dropped := g.newest(), false
		if w, ours := s.(*ourLog); ours && g.last > newest.Index+1 && g.IntN(3) == 0 {
			err := w.TruncateBack(g.last - 1)
			if dropped = err == nil; !dropped {
				require.ErrorIs(t, err, errors.ErrUnsupported)
			}
		}
		if dropped { // only here: etcd goes on from the dropped entries, so they are back
			require.NoError(t, s.close())
		} else {
			dir = leave(t, g, s, dir)
			want, ok := g.at(newest)
			require.True(t, ok)
			read, err := readOurs(t, dir, newest)
			require.NoError(t, err)
			require.Equal(t, want, read)
		}
		theirTurn = !theirTurn
		if theirTurn {
			s = openTornEtcd(t, dir, newest)
		} else {
			s = openOurs(t, dir, newest, opts...)
		}
		s = apply(t, s, newest, g.handOver())
	}
	require.NoError(t, s.close())
	requireBothRead(t, dir, g.history)
	return dir
}

// leave closes the log. Or its user crashes in one more save, of which only a part, or nothing,
// reaches the disk. It returns the directory in which the log is then.
func leave(t *testing.T, g *generator, s saver, dir string) string {
	t.Helper()
	if g.IntN(3) == 0 {
		require.NoError(t, s.close())
		return dir
	}
	// etcd keeps a state that need not be synced in memory. A save of an entry writes it to the file.
	g.add(op{ents: g.entries(g.last+1, 1)})
	apply(t, s, nil, g.ops[len(g.ops)-1:])
	before := segments(t, dir)
	from := len(before[len(before)-1].records())
	data := g.bytes(20 + g.IntN(3*sectorSize))
	for i := range data {
		data[i] |= 3 // so no part of it looks like zeros, or like a flip of one bit
	}
	ent := &walpb.Entry{Term: g.term, Index: g.last + 1, Data: data}
	require.NoError(t, s.save(nil, []*walpb.Entry{ent}))
	// If the log has begun another segment, the crash came before that one had its name.
	files := segments(t, dir)[:len(before)]
	switch last := files[len(files)-1]; {
	case len(last.records()) > from && g.IntN(4) == 0: // the save has reached the disk
		g.add(op{ents: []*walpb.Entry{ent}})
		g.terms[ent.Index], g.last = ent.Term, ent.Index
	case len(last.records()) > from:
		tearLast(g, &files[len(files)-1], from)
	}
	left := copyOf(t, files)
	require.NoError(t, s.close()) // this closes the files in the old directory
	return left
}

// tearLast damages the last save in a segment, which begins at offset from, as if not all of it had
// reached the disk.
func tearLast(g *generator, last *file, from int) {
	to := len(last.records())
	for last.data[to-1] == 0 {
		to-- // without the padding: it is zero, so nothing changes if it is lost
	}
	switch at := from + g.IntN(to-from); g.IntN(3) {
	case 0: // the file ends within it
		last.data = last.data[:at]
	case 1: // zeros from some sector on
		clear(last.data[max(from, at/sectorSize*sectorSize):])
	case 2: // one sector was not written
		sector := at / sectorSize * sectorSize
		clear(last.data[max(from, sector):min(to, sector+sectorSize)])
	}
}

// openTornEtcd opens a log for appending as etcd's server does: it first repairs a torn tail.
func openTornEtcd(t *testing.T, dir string, snap *walpb.Snapshot) saver {
	t.Helper()
	w, err := etcdwal.Open(zap.NewNop(), dir, toEtcdSnapshot(snap))
	require.NoError(t, err)
	_, _, _, err = w.ReadAll()
	require.NoError(t, w.Close())
	if err != nil {
		require.True(t, etcdwal.Repair(zap.NewNop(), dir), "etcd repairs it: %v", err)
	}
	return openEtcd(t, dir, snap)
}
