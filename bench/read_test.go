package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// savedLog saves a few batches into several segments, and leaves the store open.
func savedLog(t *testing.T, c contender, dir string) (st *store, cfg config, entries int) {
	const saves = 9
	cfg = config{size: 40 << 10, batch: 4, writers: 1, segment: 512 << 10, noSync: true}
	st, err := c.open(dir, cfg)
	require.NoError(t, err)
	_, _, err = drive(st, []func() error{st.writer()}, time.Minute, saves, nil)
	require.NoError(t, err)
	return st, cfg, saves * cfg.batch
}

func TestAReaderFindsEveryEntryAndNoOther(t *testing.T) {
	for _, c := range contenders() {
		if c.openReader == nil {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			st, cfg, entries := savedLog(t, c, dir)
			require.NoError(t, st.close())
			r, err := c.openReader(dir)
			require.NoError(t, err)
			for i := range entries {
				index := uint64(1 + i*7%entries) // 7 and 36 have no common divisor
				data, err := r.read(index)
				require.NoError(t, err, "entry %d", index)
				require.True(t, bytes.Equal(cfg.data(), data), "entry %d", index)
			}
			for _, index := range []uint64{0, uint64(entries + 1)} {
				_, err := r.read(index)
				require.Error(t, err, "entry %d", index)
			}
			require.NoError(t, r.close())
		})
	}
}

func TestAStreamShowsWhatWasSavedUntilItIsStopped(t *testing.T) {
	for _, c := range contenders() {
		dir := filepath.Join(t.TempDir(), "log")
		st, cfg, entries := savedLog(t, c, dir)
		for _, most := range []int{1, 5, entries, entries + 1} {
			if st.stream == nil {
				continue
			}
			seen := 0
			require.NoError(t, st.stream(func(data []byte) bool {
				require.True(t, bytes.Equal(cfg.data(), data), c.name)
				seen++
				return seen < most
			}))
			require.Equal(t, min(most, entries), seen, c.name)
		}
		require.NoError(t, st.close())
	}
}

func TestADamagedBareFileIsNoticed(t *testing.T) {
	dir := t.TempDir()
	frame := bareFrame([]byte("data"))
	flipped := bytes.Clone(frame)
	flipped[len(flipped)-1] ^= 1
	require.NoError(t, os.WriteFile(bareFile(dir), append(frame, flipped...), 0o600))
	r, err := readBareFile(dir)
	require.NoError(t, err)
	_, err = r.read(1)
	require.NoError(t, err)
	_, err = r.read(2)
	require.ErrorContains(t, err, "wrong checksum")
	require.NoError(t, r.close())
	_, err = replayBareFile(dir, false)
	require.ErrorContains(t, err, "entry 2")
}

func TestAnOpenThatFindsLessFails(t *testing.T) {
	b := smokeBench(t)
	w := workload{config: config{size: 100, batch: 10, writers: 1}}
	c, err := b.contender(nameBareRead)
	require.NoError(t, err)
	dir, err := b.written(w, c)
	require.NoError(t, err)
	again, err := b.written(w, c)
	require.NoError(t, err)
	require.Equal(t, dir, again, "a log is written once")
	require.NoError(t, os.Truncate(bareFile(dir), int64(b.entries(w)-1)*(bareHead+100)))
	_, err = b.runOpen(w, c)
	require.ErrorContains(t, err, "1999 entries where 2000 were written")
}

func TestLogsThatAreReadLaterAreKept(t *testing.T) {
	b := smokeBench(t)
	c, err := b.contender(nameBareRead)
	require.NoError(t, err)
	one := workload{config: config{size: 100, batch: 10, writers: 1}}
	other := workload{config: config{size: 200, batch: 10, writers: 1}}
	oneDir, err := b.written(one, c)
	require.NoError(t, err)
	otherDir, err := b.written(other, c)
	require.NoError(t, err)
	require.NoError(t, b.forget([]workload{other}))
	require.NoDirExists(t, oneDir)
	require.DirExists(t, otherDir)
	again, err := b.written(one, c)
	require.NoError(t, err)
	require.DirExists(t, again)
	require.NotEqual(t, otherDir, again)
}

func TestReadersReadOverAndOverUntilTheWriterIsDone(t *testing.T) {
	var passes, entries atomic.Int64
	var over atomic.Bool
	st := &store{stream: func(visit func([]byte) bool) error {
		if passes.Add(1) == 3 {
			over.Store(true)
		}
		for range 10 {
			if !visit(nil) {
				break
			}
		}
		return nil
	}}
	require.NoError(t, streamUntil(st, &over, &entries))
	require.EqualValues(t, 3, passes.Load())
	require.EqualValues(t, 21, entries.Load(), "stopped at the first entry of the third pass")
}

func TestAFailedSaveStopsTheReaders(t *testing.T) {
	b := &bench{budget: smoke}
	st := &store{stream: func(visit func([]byte) bool) error { visit(nil); return nil }}
	_, _, err := b.turn(st, func() error { return io.ErrShortWrite }, besideReaders, placing{}, nil)
	require.ErrorIs(t, err, io.ErrShortWrite)
}

func TestTurnsAreTwoAloneAndTwoBesideReaders(t *testing.T) {
	b := &bench{budget: smoke}
	var streams atomic.Int64
	st := &store{stream: func(visit func([]byte) bool) error {
		streams.Add(1)
		for visit(nil) {
		}
		return nil
	}}
	save := func() error { return nil }
	_, read, err := b.turn(st, save, 0, placing{}, nil)
	require.NoError(t, err)
	require.Zero(t, read)
	require.Zero(t, streams.Load())
	var times histogram
	got, err := b.inTurns(st, save, placing{}, &times)
	require.NoError(t, err)
	require.EqualValues(t, 2*besideReaders, streams.Load())
	require.Equal(t, 2*smoke.saves, got.alone.saves)
	require.Equal(t, 2*smoke.saves, got.beside.saves)
	require.Equal(t, 2*smoke.saves, times.n, "those beside readers are timed")
	require.GreaterOrEqual(t, got.read, streams.Load(), "each reader sees one entry at least")
}
