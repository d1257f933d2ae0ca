package wal_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Benchmarks of the pieces. Those that save are as fast as the disk under
// TMPDIR; bench/ has the comparison with other logs.

// benchLog is a new log and the index of the last entry in it.
type benchLog struct {
	*wal.WAL
	sync.Mutex // of the callers that share the log: it gives the indexes
	dir        string
	last       uint64
}

func newBenchLog(tb testing.TB, opts ...wal.Option) *benchLog {
	dir := filepath.Join(tb.TempDir(), "log")
	w, err := wal.Create(nil, dir, []byte("bench"), opts...)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, w.Close()) })
	return &benchLog{WAL: w, dir: dir}
}

// batch is what one save has; it can be numbered again and again.
type batch struct {
	raw  []walpb.Entry
	ents []log.LogEntry
}

func newBatch(n, size int) *batch {
	b := &batch{raw: make([]walpb.Entry, n)}
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for i := range b.raw {
		b.raw[i] = walpb.Entry{Term: 1, Data: data}
		b.ents = append(b.ents, &b.raw[i])
	}
	return b
}

// next numbers the batch to follow the log's last entry.
func (l *benchLog) next(b *batch) []log.LogEntry {
	for i := range b.raw {
		l.last++
		b.raw[i].Index = l.last
	}
	return b.ents
}

// fill saves n entries of the given size, without measuring it.
func (l *benchLog) fill(tb testing.TB, n, size int) {
	b := newBatch(1000, size)
	for range n / 1000 {
		require.NoError(tb, l.SaveEntry(l.next(b)))
	}
	require.NoError(tb, l.Sync())
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

func TestSave_OfABinaryAppenderDoesNotAllocate(t *testing.T) {
	l := newBenchLog(t)
	b := newBatch(1, 1<<10)
	require.Zero(t, testing.AllocsPerRun(200, func() {
		if err := l.SaveEntry(l.next(b)); err != nil {
			t.Error(err)
		}
	}))
}

func BenchmarkEncode(b *testing.B) {
	e := &walpb.Entry{Term: 1, Index: 1 << 20, Data: make([]byte, 1<<10)}
	b.SetBytes(int64(e.Size()))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		var err error
		buf = walpb.AppendRecordHeader(buf[:0], int64(log.EntryType), 1<<30, e.Size())
		buf, err = e.AppendBinary(buf)
		check(b, err)
		buf = walpb.AppendTrailer(buf, 1<<60)
	}
}

func BenchmarkDecode(b *testing.B) {
	e := &walpb.Entry{Term: 1, Index: 1 << 20, Data: make([]byte, 1<<10)}
	buf, err := e.AppendBinary(walpb.AppendRecordHeader(nil, int64(log.EntryType), 1<<30, e.Size()))
	check(b, err)
	b.SetBytes(int64(e.Size()))
	b.ReportAllocs()
	for b.Loop() {
		r, _, err := walpb.ParseRecord(buf)
		check(b, err)
		var got walpb.Entry
		check(b, got.Unmarshal(r.Data))
	}
}

func BenchmarkSave(b *testing.B) {
	for _, c := range []struct {
		name    string
		n, size int
	}{{"128B", 1, 128}, {"1KiB", 1, 1 << 10}, {"8KiB", 1, 8 << 10},
		{"64KiB", 1, 64 << 10}, {"64x1KiB", 64, 1 << 10}} {
		b.Run(c.name, func(b *testing.B) { benchmarkSave(b, newBenchLog(b), c.n, c.size) })
	}
}

func BenchmarkSaveNoSync(b *testing.B) {
	l := newBenchLog(b, wal.WithNoSync())
	benchmarkSave(b, l, 1, 256)
	// at a cut, for which a save waits
	b.ReportMetric(float64(l.Stats().MaxSyncTime)/1e6, "slowest-sync-ms")
}

func benchmarkSave(b *testing.B, l *benchLog, n, size int) {
	ents := newBatch(n, size)
	b.SetBytes(int64(n * size))
	b.ReportAllocs()
	for b.Loop() {
		check(b, l.SaveEntry(l.next(ents)))
	}
}

// BenchmarkSaveParallel has at least 64 goroutines, each of which waits for its own save.
func BenchmarkSaveParallel(b *testing.B) {
	const size = 256
	l := newBenchLog(b)
	procs := runtime.GOMAXPROCS(0)
	b.SetParallelism((64 + procs - 1) / procs)
	b.SetBytes(size)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		ents := newBatch(1, size)
		for pb.Next() {
			l.Lock()
			p, err := l.Append(nil, l.next(ents))
			l.Unlock()
			if err == nil {
				err = p.Wait()
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkAppend keeps saves in flight, up to a thousand.
func BenchmarkAppend(b *testing.B) {
	const size, window = 256, 1000
	l := newBenchLog(b)
	var flights [window]struct {
		ents    *batch
		pending *wal.Pending
	}
	for i := range flights {
		flights[i].ents = newBatch(1, size)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		f := &flights[n%window]
		if f.pending != nil {
			check(b, f.pending.Wait())
		}
		var err error
		f.pending, err = l.Append(nil, l.next(f.ents))
		check(b, err)
	}
	check(b, l.Sync())
}

// BenchmarkAppendWait appends and waits, alone: it is to be near a Save of the same.
func BenchmarkAppendWait(b *testing.B) {
	const size = 256
	l := newBenchLog(b)
	ents := newBatch(1, size)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		p, err := l.Append(nil, l.next(ents))
		check(b, err)
		check(b, p.Wait())
	}
}

// BenchmarkCut fills segments of 4 MiB; the extra figure is how long a cut holds up its save.
func BenchmarkCut(b *testing.B) {
	const segment, size = 4 << 20, 64 << 10
	var cuts int
	var held time.Duration
	l := newBenchLog(b, wal.WithNoSync(), wal.WithSegmentSize(segment), wal.WithListener(wal.Listener{
		Cut: func(e wal.CutEvent) { cuts++; held += e.Took },
	}))
	ents := newBatch(1, size)
	b.SetBytes(segment)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		for range segment / size {
			check(b, l.SaveEntry(l.next(ents)))
		}
		if n%16 == 15 { // or a long run fills the disk
			b.StopTimer()
			snap := &walpb.Snapshot{Index: l.last, Term: 1}
			check(b, l.SaveSnap(snap))
			check(b, l.Release(snap))
			_, err := l.Purge()
			check(b, err)
			b.StartTimer()
		}
	}
	if cuts > 0 {
		b.ReportMetric(float64(held.Microseconds())/float64(cuts), "µs/cut")
	}
}

// Reading, of a log with this many entries of this size.
const (
	benchEntries = 100_000
	benchSize    = 128
)

// written returns the directory of a closed log.
func written(b *testing.B) string {
	dir := filepath.Join(b.TempDir(), "log")
	w, err := wal.Create(nil, dir, nil, wal.WithNoSync())
	check(b, err)
	(&benchLog{WAL: w, dir: dir}).fill(b, benchEntries, benchSize)
	check(b, w.Close())
	return dir
}

func BenchmarkOpen(b *testing.B) {
	dir := written(b)
	b.SetBytes(benchEntries * benchSize)
	b.ReportAllocs()
	for b.Loop() {
		w, err := wal.Open(nil, dir, nil)
		check(b, err)
		check(b, w.Close())
	}
}

func BenchmarkReadAll(b *testing.B) {
	dir := written(b)
	b.SetBytes(benchEntries * benchSize)
	b.ReportAllocs()
	for b.Loop() {
		w, err := wal.Open(nil, dir, nil)
		check(b, err)
		_, _, ents, err := w.ReadAll()
		check(b, err)
		check(b, whole(len(ents)))
		check(b, w.Close())
	}
}

func BenchmarkEntries(b *testing.B) {
	dir := written(b)
	b.SetBytes(benchEntries * benchSize)
	b.ReportAllocs()
	for b.Loop() {
		r, err := wal.OpenForRead(nil, dir, nil)
		check(b, err)
		readThrough(b, r)
		check(b, r.Close())
	}
}

// readThrough streams all entries.
func readThrough(b *testing.B, r *wal.Reader) {
	n := 0
	for _, err := range r.Entries(r.FirstIndex(), r.LastIndex()+1) {
		check(b, err)
		n++
	}
	check(b, whole(n))
}

// reader opens a log of benchEntries entries, as it was written.
func reader(b *testing.B) *wal.Reader {
	r, err := wal.OpenForRead(nil, written(b), nil)
	check(b, err)
	b.Cleanup(func() { check(b, r.Close()) })
	return r
}

// BenchmarkEntriesOpen is BenchmarkEntries of a log that is open already.
func BenchmarkEntriesOpen(b *testing.B) {
	r := reader(b)
	b.SetBytes(benchEntries * benchSize)
	b.ReportAllocs()
	for b.Loop() {
		readThrough(b, r)
	}
}

// BenchmarkEntriesLimit reads the log as a Raft library does: 64 KiB at a time.
func BenchmarkEntriesLimit(b *testing.B) {
	r := reader(b)
	b.SetBytes(benchEntries * benchSize)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for n < benchEntries {
			ents, err := r.EntriesLimit(uint64(n)+1, benchEntries+1, 64<<10)
			check(b, err)
			n += len(ents)
		}
		check(b, whole(n))
	}
}

// BenchmarkEntriesLimitFrom reads 4 KiB from anywhere, of eight entries and of all to the end.
func BenchmarkEntriesLimitFrom(b *testing.B) {
	const entries = 200_000
	l := newBenchLog(b, wal.WithNoSync())
	l.fill(b, entries, 512)
	for _, c := range []struct {
		name string
		hi   func(lo uint64) uint64
	}{
		{"of8", func(lo uint64) uint64 { return lo + 8 }},
		{"toTheEnd", func(uint64) uint64 { return entries + 1 }},
	} {
		b.Run(c.name, func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				lo := 1 + rnd.Uint64N(entries-8)
				_, err := l.EntriesLimit(lo, c.hi(lo), 4<<10)
				check(b, err)
			}
		})
	}
}

// BenchmarkEntry reads one entry, anywhere in a log of half a gigabyte that is in the page cache.
func BenchmarkEntry(b *testing.B) {
	for _, size := range []int{128, 1 << 10, 8 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			l := newBenchLog(b, wal.WithNoSync())
			l.fill(b, (512<<20)/size/1000*1000, size)
			rnd := rand.New(rand.NewPCG(1, 2))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				_, err := l.Entry(1 + rnd.Uint64N(l.last))
				check(b, err)
			}
		})
	}
}

// BenchmarkOpenManySegments opens 100 MB in a thousand segments.
func BenchmarkOpenManySegments(b *testing.B) {
	const segments, size = 1000, 100 << 10
	dir := filepath.Join(b.TempDir(), "log")
	w, err := wal.Create(nil, dir, nil, wal.WithNoSync(), wal.WithSegmentSize(size))
	check(b, err)
	l := &benchLog{WAL: w, dir: dir}
	for ents := newBatch(10, 1<<10); w.Stats().Cuts < segments-1; {
		check(b, w.SaveEntry(l.next(ents)))
	}
	check(b, w.Close())
	b.SetBytes(segments * size)
	b.ReportAllocs()
	for b.Loop() {
		w, err := wal.Open(nil, dir, nil, wal.WithSegmentSize(size))
		check(b, err)
		check(b, w.Close())
	}
}

// BenchmarkSaveBesideReaders takes turns, 50 saves each, alone and beside two goroutines. These
// stream the log from its start to its end and again, either in turns, so that they share the time
// of one processor and one is left for the saves, or with all the time they can get; or, for
// comparison, they do no more than use the time of one processor. The extra figure is by how much
// longer a save takes beside them.
func BenchmarkSaveBesideReaders(b *testing.B) {
	const turn, size = 50, 1 << 10
	for _, c := range []struct {
		name  string
		work  func(b *testing.B, l *benchLog, over *atomic.Bool, pause func())
		share bool
	}{{"one-processor", stream, true}, {"one-processor-not-reading", spin, true},
		{"all-processors", stream, false}} {
		b.Run(c.name, func(b *testing.B) {
			l := newBenchLog(b)
			l.fill(b, 200_000, size)
			ents := newBatch(1, size)
			var took [2]time.Duration // alone, and beside them
			saves := func(k int) {
				began := time.Now()
				for range turn {
					check(b, l.SaveEntry(l.next(ents)))
				}
				took[k] += time.Since(began)
			}
			b.ResetTimer()
			for range b.N {
				saves(0)
				stop := beside(2, c.share, func(over *atomic.Bool, pause func()) { c.work(b, l, over, pause) })
				saves(1)
				stop()
			}
			b.ReportMetric(100*(took[1].Seconds()/took[0].Seconds()-1), "%slower")
		})
	}
}

// beside has n goroutines work until stop is called. With share they run one at a time, and
// take turns when they pause.
func beside(n int, share bool, work func(over *atomic.Bool, pause func())) (stop func()) {
	var over atomic.Bool
	var wg sync.WaitGroup
	var processor sync.Mutex
	pause := func() {}
	if share {
		pause = func() { processor.Unlock(); processor.Lock() }
	}
	for range n {
		wg.Go(func() {
			if share {
				processor.Lock()
				defer processor.Unlock()
			}
			for !over.Load() {
				work(&over, pause)
			}
		})
	}
	return func() {
		over.Store(true)
		wg.Wait()
	}
}

// stream reads the whole log.
func stream(b *testing.B, l *benchLog, over *atomic.Bool, pause func()) {
	for ent, err := range l.Entries(l.FirstIndex(), l.LastIndex()+1) {
		if err != nil {
			b.Error(err)
		}
		if over.Load() {
			return
		}
		if ent.GetIndex()%256 == 0 {
			pause()
		}
	}
}

// spin uses as much time as reading 256 entries does.
func spin(_ *testing.B, _ *benchLog, _ *atomic.Bool, pause func()) {
	for began := time.Now(); time.Since(began) < 200*time.Microsecond; {
	}
	pause()
}

// whole is an error if not all entries were read.
func whole(n int) error {
	if n != benchEntries {
		return fmt.Errorf("read %d entries of %d", n, benchEntries)
	}
	return nil
}
