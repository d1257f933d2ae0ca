package wal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/memfs"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// A disk as it is measured: a save of 8 KiB takes 42 µs over what was written before, and 76 where
// it has to record an allocation.
func timedDisk(l faultfs.Limit) *faultfs.Timed {
	d := &faultfs.Timed{PerWrite: 15 * time.Microsecond, PerBlock: 4 * time.Microsecond}
	d.SetLimit(l)
	return d
}

var (
	freeDisk      = faultfs.Limit{}
	writesLimited = faultfs.Limit{Writes: 3000}
	bytesLimited  = faultfs.Limit{Bytes: 60e6}
)

// nowhere is a file that keeps nothing.
type nowhere struct{ vfs.File }

func (nowhere) WriteAt(b []byte, _ int64) (int, error)   { return len(b), nil }
func (nowhere) Data(int64) (start, end int64, err error) { return 1 << 40, 1 << 40, nil }
func (nowhere) Forget(int64)                             {}
func (nowhere) Datasync() error                          { return nil }

// writing is a log's way of writing batches, without the log.
type writing struct {
	t      *testing.T
	disk   *faultfs.Timed
	opts   options
	policy zeroPolicy
	file   vfs.File
	zeroed zeroed
	off    int64
}

func newWriting(t *testing.T, d *faultfs.Timed, step func(int) int64) *writing {
	o, err := newOptions(nil)
	require.NoError(t, err)
	o.zeroStep = step
	return &writing{t: t, disk: d, opts: o, off: o.segmentSize}
}

// batchBytes are what batches hold.
var batchBytes [256 << 10]byte

// batch writes a batch of n bytes, and goes on to the next segment where there is no place.
func (r *writing) batch(n int) {
	if r.off+int64(n) > r.opts.segmentSize {
		r.file, r.off = r.disk.File(nowhere{}), 0
		var err error
		r.zeroed, err = newZeroed(&r.opts, &r.policy, r.file, 0)
		require.NoError(r.t, err)
	}
	began := r.disk.Now()
	_, err := r.file.WriteAt(batchBytes[:n], r.off)
	require.NoError(r.t, err)
	r.off += int64(n)
	require.NoError(r.t, r.zeroed.extend(r.file, n, r.off))
	require.NoError(r.t, r.file.Datasync())
	r.policy.add(n, r.disk.Now().Sub(began))
}

// run writes batches for a time, and returns how many.
func (r *writing) run(d time.Duration, size func() int) (batches float64) {
	for end := r.disk.Now().Add(d); r.disk.Now().Before(end); batches++ {
		r.batch(size())
	}
	return batches
}

func always(step int64) func(int) int64 { return func(int) int64 { return step } }

// inStretches is for how many stretches, in time, something is run.
func inStretches(n int) time.Duration { return time.Duration(n) * stretchTime * 5 / 4 }

// On each kind of disk, and at each size of save, the log is as fast as it is in the better one of
// both ways, but for what the trials take.
func TestZeroPolicy_TheBetterWayIsKept(t *testing.T) {
	for _, c := range []struct {
		disk  string
		limit faultfs.Limit
		size  int
		zeros bool
	}{
		{"free", freeDisk, 256, true},
		{"free", freeDisk, 1 << 10, true},
		{"free", freeDisk, 8 << 10, true},
		{"3,000 writes/s", writesLimited, 1 << 10, true},
		{"3,000 writes/s", writesLimited, 8 << 10, true},
		{"3,000 writes/s", writesLimited, 64<<10 + 40, true},
		{"60 MB/s", bytesLimited, 8 << 10, false},
		{"60 MB/s", bytesLimited, 64<<10 + 40, false},
		{"60 MB/s", bytesLimited, 200 << 10, false},
	} {
		t.Run(fmt.Sprintf("%s %d B", c.disk, c.size), func(t *testing.T) {
			size := func() int { return c.size }
			r := newWriting(t, timedDisk(c.limit), nil)
			r.run(inStretches(5), size) // two of each, and the answer
			zeros, d := r.policy.written.Load(), inStretches(100)
			n := r.run(d, size)
			zeros = r.policy.written.Load() - zeros

			ahead := newWriting(t, timedDisk(c.limit), (&zeroPolicy{}).step).run(d, size)
			reserved := newWriting(t, timedDisk(c.limit), always(1)).run(d, size)
			t.Logf("%.0f batches, %.0f with zeros ahead, %.0f with reserved space; %.2f of zeros",
				n, ahead, reserved, float64(zeros)/n/float64(c.size))
			require.Greater(t, n, 0.975*max(ahead, reserved))
			require.Equal(t, c.zeros, zeros > uint64(n)*uint64(c.size)/2)
			if !c.zeros {
				require.Less(t, float64(zeros), 0.04*n*float64(c.size))
			}
		})
	}
}

// Where zeros only fill the limit, so that some saves wait for a tenth of a second, they do not pay
// although the mean is better with them.
func TestZeroPolicy_ATailHurtsMoreThanAMean(t *testing.T) {
	const size = 8<<10 + 40
	slow := func() *faultfs.Timed {
		d := &faultfs.Timed{PerWrite: 85 * time.Microsecond, PerBlock: 15 * time.Microsecond}
		d.SetLimit(bytesLimited)
		return d
	}
	each := func() int { return size }
	ahead := newWriting(t, slow(), always(shortStep)).run(time.Minute, each)
	reserved := newWriting(t, slow(), always(1)).run(time.Minute, each)
	require.Greater(t, ahead, 1.1*reserved, "the mean is better with zeros")

	r := newWriting(t, slow(), nil)
	r.run(inStretches(5), each)
	waits, batches := 0, 0
	for ; r.disk.Now().Before(time.Unix(60, 0)); batches++ {
		began := r.disk.Now()
		r.batch(size)
		if r.disk.Now().Sub(began) > longWait {
			waits++
		}
	}
	t.Logf("%d of %d batches waited", waits, batches)
	require.Less(t, 1000*waits, batches)
}

// A disk whose limit comes and goes is written to in the way that is right for it now, soon after.
func TestZeroPolicy_ADiskThatChangesItsMindIsNoticed(t *testing.T) {
	each := func() int { return 8 << 10 }
	r := newWriting(t, timedDisk(freeDisk), nil)
	limits := []faultfs.Limit{freeDisk, bytesLimited, writesLimited, bytesLimited, freeDisk}
	for i, now := range limits {
		r.disk.SetLimit(now)
		r.run(inStretches(mostKept+3), each)
		before, d := r.policy.written.Load(), inStretches(20)
		n := r.run(d, each)
		zeros := float64(r.policy.written.Load() - before)
		require.Equal(t, now != bytesLimited, zeros > n*float64(each())/2, "phase %d", i)
	}
}

// Each size of save has its own answer, and going from one to another is no reason to ask again.
func TestZeroPolicy_EachSizeHasItsOwnAnswer(t *testing.T) {
	d := &faultfs.Timed{PerWrite: 60 * time.Microsecond, PerBlock: 4 * time.Microsecond}
	d.SetLimit(bytesLimited)
	r := newWriting(t, d, nil)
	small, large := func() int { return 512 }, func() int { return 64 << 10 }
	r.run(inStretches(4), small)
	r.run(inStretches(4), large)
	zeros := func(each func() int) (ofBytes float64) {
		r.run(inStretches(2), each) // in one of them the size changes
		before := r.policy.written.Load()
		n := r.run(inStretches(5), each)
		return float64(r.policy.written.Load()-before) / n / float64(each()) / 10
	}
	var ofSmall, ofLarge float64
	for range 10 {
		ofSmall += zeros(small)
		ofLarge += zeros(large)
	}
	t.Logf("%.2f and %.2f of zeros", ofSmall, ofLarge)
	require.Greater(t, ofSmall, 0.8)
	require.Less(t, ofLarge, 0.2)
}

// Sizes that vary from save to save have one answer, which is right for all of them together.
func TestZeroPolicy_SizesThatVary(t *testing.T) {
	for _, l := range []faultfs.Limit{freeDisk, writesLimited, bytesLimited} {
		run := func(step func(int) int64) float64 {
			rng := rand.New(rand.NewPCG(1, 2))
			each := func() int { return 64 << rng.IntN(11) } // 64 B to 64 KiB
			r := newWriting(t, timedDisk(l), step)
			r.run(inStretches(5), each)
			return r.run(inStretches(100), each)
		}
		n, ahead, reserved := run(nil), run((&zeroPolicy{}).step), run(always(1))
		t.Logf("%v: %.0f batches, %.0f with zeros ahead, %.0f with reserved space", l, n, ahead, reserved)
		require.Greater(t, n, 0.965*max(ahead, reserved))
	}
}

// gather writes batches that hold what has arrived while the one before was written, some bytes a
// second, and returns the mean time of a batch.
func (r *writing) gather(rate float64) time.Duration {
	began, prev, waiting := r.disk.Now(), r.disk.Now(), 2048.0
	var all time.Duration
	batches := 0
	for prev.Sub(began) < 60*time.Second {
		n := min(max(int(waiting), 200), 200<<10)
		waiting -= float64(n)
		r.batch(n)
		took := r.disk.Now().Sub(prev)
		prev = r.disk.Now()
		if waiting = max(waiting, 0) + took.Seconds()*rate; prev.Sub(began) > 20*time.Second {
			all += took
			batches++
		}
	}
	return all / time.Duration(batches)
}

// Where batches gather what arrives, the slower way has the larger batches, and the quicker one is
// kept all the same.
func TestZeroPolicy_BatchesThatGatherWhatArrives(t *testing.T) {
	for _, c := range []struct {
		limit    faultfs.Limit
		perWrite time.Duration
		rate     float64 // bytes a second
		atMost   float64 // of the time of the better way
	}{
		{freeDisk, 250 * time.Microsecond, 10e6, 1.1},
		{freeDisk, 250 * time.Microsecond, 40e6, 1.1},
		{bytesLimited, 15 * time.Microsecond, 15e6, 1.1},
		{bytesLimited, 15 * time.Microsecond, 25e6, 1.1},
		{bytesLimited, 15 * time.Microsecond, 40e6, 1.1}, // with zeros, more than the disk takes
	} {
		mean := func(step func(int) int64) float64 {
			d := timedDisk(c.limit)
			d.PerWrite = c.perWrite
			return float64(newWriting(t, d, step).gather(c.rate))
		}
		policy, zeros, none := mean(nil), mean((&zeroPolicy{}).step), mean(always(1))
		t.Logf("%v at %.0f MB/s: %.0f µs, with zeros %.0f, without %.0f", c.limit, c.rate/1e6,
			policy/1e3, zeros/1e3, none/1e3)
		require.Less(t, policy, c.atMost*min(zeros, none))
	}
}

// stretchOf feeds the policy with a stretch in which each batch takes a time, and returns the way
// of the next one.
func stretchOf(p *zeroPolicy, zeros, reserved time.Duration) (reservedNext bool) {
	took := zeros
	if p.now.reserved {
		took = reserved
	}
	for range max(stretchBatches, int(stretchTime/took)+1) {
		p.add(1024, took)
	}
	p.step(1024)
	return p.now.reserved
}

func TestZeroPolicy_TrialsGrowRare(t *testing.T) {
	var p zeroPolicy
	var ways string
	for range 1 + 1 + firstKept + 1 + mostKept + 1 + mostKept + 1 {
		ways += map[bool]string{false: "z", true: "r"}[p.now.reserved]
		stretchOf(&p, time.Millisecond, 2*time.Millisecond)
	}
	most := strings.Repeat("z", mostKept) + "r"
	require.Equal(t, "zr"+strings.Repeat("z", firstKept)+"r"+most+most, ways)
}

func TestZeroPolicy_OneTrialThatSomethingElseSlowedDownDecidesNothing(t *testing.T) {
	var p zeroPolicy
	good, bad := time.Millisecond, 2*time.Millisecond
	require.True(t, stretchOf(&p, good, bad), "the first trial")
	p.before.cost *= 4 // the stretch before the trial was a slow one
	require.False(t, stretchOf(&p, good, bad))
	require.True(t, stretchOf(&p, good, bad), "it is tried once more")
	require.False(t, stretchOf(&p, good, bad))
	require.False(t, stretchOf(&p, good, bad), "and the old way is kept")
}

// On a disk that others use too, so that stretches differ by a third, the better way is kept for
// most of the time.
func TestZeroPolicy_NoiseSeldomMisleads(t *testing.T) {
	for _, reserved := range []float64{1.5, 0.6} { // of the time with zeros
		rng := rand.New(rand.NewPCG(1, 2))
		wrong := 0
		for range 100 {
			var p zeroPolicy
			for range 200 {
				took := math.Exp(0.3*rng.NormFloat64()) * float64(time.Millisecond)
				if p.now.reserved == (reserved > 1) {
					wrong++
				}
				stretchOf(&p, time.Duration(took), time.Duration(took*reserved))
			}
		}
		t.Logf("%d of 20,000 stretches in the worse way", wrong)
		require.Less(t, wrong, 1500)
	}
}

func TestZeroPolicy_ATieIsOneForFewerBytes(t *testing.T) {
	for reserved, want := range map[time.Duration]bool{1000: true, 1020: true, 1050: false} {
		var p zeroPolicy
		for range 4 {
			stretchOf(&p, 1000*time.Microsecond, reserved*time.Microsecond)
		}
		require.Equal(t, want, p.now.reserved)
	}
}

// A log on each kind of disk writes zeros where they pay, and all of it is there afterwards.
func TestZeroPolicy_OfALog(t *testing.T) {
	for _, c := range []struct {
		disk  string
		limit faultfs.Limit
		cow   bool
		zeros bool
	}{
		{"free", freeDisk, false, true},
		{"3,000 writes/s", writesLimited, false, true},
		{"60 MB/s", bytesLimited, false, false},
		{"copies on write", freeDisk, true, false},
	} {
		t.Run(c.disk, func(t *testing.T) {
			d, memory := timedDisk(c.limit), memfs.New()
			d.CopyOnWrite = c.cow
			opts := []Option{withFS(d.On(memory)), withClock(d.Now), WithSegmentSize(4 << 20)}
			w, err := Create(nil, memDir, nil, opts...)
			require.NoError(t, err)
			ents := []log.LogEntry{&walpb.Entry{Index: 0, Data: make([]byte, 8<<10)}}
			save := func(stretches int) uint64 {
				before := w.Stats().ZerosWritten
				for end := d.Now().Add(inStretches(stretches)); d.Now().Before(end); {
					ents[0].(*walpb.Entry).Index++
					require.NoError(t, w.SaveEntry(ents))
				}
				return w.Stats().ZerosWritten - before
			}
			first := save(6)
			require.Equal(t, c.cow, first == 0)
			require.Equal(t, c.zeros, save(5) > 0)
			last := w.LastIndex()
			require.NoError(t, w.Close())
			w, err = Open(nil, memDir, nil, opts...)
			require.NoError(t, err)
			require.Equal(t, last, w.LastIndex())
			require.NoError(t, w.Close())
		})
	}
}
