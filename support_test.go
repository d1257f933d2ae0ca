package wal

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// testSegment is a segment size that a handful of saves fill.
const testSegment = 4096

// withFS makes a log run on another file system.
func withFS(fsys vfs.FS) Option { return func(o *options) { o.fs = fsys } }

// withClock measures how long batches take by another clock.
func withClock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// stopped is a clock by which no batch takes any time, so that zeros are always written ahead.
func stopped() time.Time { return time.Time{} }

// withZeroStep replaces the policy for zeros ahead of the saves.
func withZeroStep(step func(n int) int64) Option {
	return func(o *options) { o.zeroStep = step }
}

// withChangingZeros changes between no zeros ahead, few, and many, from batch to batch, by the
// batches' sizes.
func withChangingZeros() Option {
	return withZeroStep(func(n int) int64 { return []int64{1, 192, 1024}[n/8%3] })
}

// newLog creates a log with small segments in a directory of its own. It is
// closed at the end of the test, if the test has not done it.
func newLog(t *testing.T, opts ...Option) (*WAL, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	w, err := Create(nil, dir, []byte("metadata"),
		append([]Option{WithSegmentSize(testSegment)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { w.Close() })
	return w, dir
}

// openLog opens a log with small segments.
func openLog(t *testing.T, dir string, snap log.Snapshot, opts ...Option) *WAL {
	t.Helper()
	w, err := Open(nil, dir, snap, append([]Option{WithSegmentSize(testSegment)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { w.Close() })
	return w
}

// reopen closes a log and opens it again at a snapshot.
func reopen(t *testing.T, w *WAL, snap log.Snapshot, opts ...Option) *WAL {
	t.Helper()
	require.NoError(t, w.Close())
	return openLog(t, w.dir.Path(), snap, opts...)
}

// at is a default snapshot record.
func at(index uint64) *walpb.Snapshot { return &walpb.Snapshot{Index: index, Term: 1} }

// release saves a snapshot, which may be there already, and releases it.
func release(w *WAL, snap log.Snapshot) error {
	return errors.Join(w.SaveSnap(snap), w.Release(snap))
}

// forceCut goes on to a new segment although the last one has room.
func forceCut(t *testing.T, w *WAL) {
	t.Helper()
	w.writer.Lock()
	defer w.unlock()
	require.NoError(t, w.cut(nil))
}

// fillSegments saves small entries one by one until n more segments were begun.
func fillSegments(t *testing.T, w *WAL, n int) {
	t.Helper()
	for until := w.Stats().Cuts + uint64(n); w.Stats().Cuts < until; {
		next := w.LastIndex() + 1
		require.NoError(t, w.SaveEntry(entries(next, next)))
	}
}

// contentsOf returns what ReadAll returns, without the metadata.
func contentsOf(t *testing.T, w *WAL) (log.HardState, []log.LogEntry) {
	t.Helper()
	metadata, st, ents, err := w.ReadAll()
	require.NoError(t, err)
	require.Equal(t, []byte("metadata"), metadata)
	return st, ents
}

// requireCorrupt makes sure that every way to open a log reports corruption
// and leaves the disk as it was.
func requireCorrupt(t *testing.T, dir, what string) {
	t.Helper()
	before := files(t, dir)
	var c *CorruptionError
	_, err := Open(nil, dir, nil)
	require.ErrorIs(t, err, ErrCorrupt, what)
	require.ErrorAs(t, err, &c, what)
	_, err = OpenForRead(nil, dir, nil)
	require.ErrorIs(t, err, ErrCorrupt, what)
	_, err = Verify(nil, dir)
	require.ErrorIs(t, err, ErrCorrupt, what)
	require.Equal(t, before, files(t, dir), what)
}

// readAll opens a log for reading and returns its entries.
func readAll(t *testing.T, dir string, snap log.Snapshot, opts ...Option) []log.LogEntry {
	t.Helper()
	r, err := OpenForRead(nil, dir, snap, opts...)
	require.NoError(t, err)
	_, _, ents, err := r.ReadAll()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return ents
}

// tailOf is where the next record of a log goes.
func tailOf(w *WAL) nextRecord {
	w.writer.Lock()
	defer w.writer.Unlock()
	e := &w.open.enc
	return nextRecord{e.end(), e.crc, e.trailered}
}

// allocated returns how many bytes a function allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// seedVariable gives the tests that draw at random their seed: a number, to replay what a failure
// printed, or "random" for a new one, as the long runs have. Without it a test draws the
// same in each run, and another draws otherwise.
const seedVariable = "WAL_TEST_SEED"

// newSeed returns the seed of a test, and prints it.
func newSeed(t testing.TB) (seed uint64) {
	t.Helper()
	switch v := os.Getenv(seedVariable); v {
	case "":
		h := fnv.New64a()
		h.Write([]byte(t.Name()))
		seed = h.Sum64()
	case "random":
		seed = rand.Uint64()
	default:
		var err error
		seed, err = strconv.ParseUint(v, 10, 64)
		require.NoError(t, err, seedVariable)
	}
	t.Logf("%s=%d", seedVariable, seed)
	return seed
}
