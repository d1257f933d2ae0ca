package wal

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Damage costs no more than health: every kind of damage in a large segment, met by everything that
// reads a log. Memory is counted in all that is allocated, and time in the bytes and calls of
// reading, beside those that the intact log takes; what would be quadratic would not come to an
// end.

// damageMIB, an environment variable, is the size of the segment in MiB; with it, the processor
// time is measured too, and is to be within 5 times that of the intact log.
const damageMIB = "WAL_TEST_DAMAGE_MIB"

// damageShape is a kind of damage to a large segment.
type damageShape struct {
	name string
	opts []Option
	// size of the entries in bytes; 0: one that fills half of the segment, behind small ones
	entry      int
	behind     int  // entries in a further segment
	beginnings bool // the data is computed so that much of it looks like records
	sparse     bool // the file is too long to be copied
	do         func(t *testing.T, f *os.File, frames []placedFrame)
}

// smallEntries is the size of entries where nothing else is said.
const smallEntries = 3000

// early is a frame of an entry at an eighth of the segment.
func early(frames []placedFrame) placedFrame { return frames[len(frames)/8+3] }

// largest is the frame of the largest entry.
func largest(frames []placedFrame) placedFrame {
	big := frames[0]
	for _, f := range frames {
		if f.Size > big.Size {
			big = f
		}
	}
	return big
}

// payloadOf is where the payload of a frame begins in the file.
func payloadOf(f placedFrame) int64 {
	return f.off + frame.WordSize + int64(walpb.RecordHeaderSize(int64(f.Type), f.Crc, len(f.Data)))
}

func flipAt(t *testing.T, f *os.File, offs ...int64) {
	for _, off := range offs {
		var b [1]byte
		_, err := f.ReadAt(b[:], off)
		require.NoError(t, err)
		b[0] ^= 0x10
		_, err = f.WriteAt(b[:], off)
		require.NoError(t, err)
	}
}

func writeAt(t *testing.T, f *os.File, off int64, b []byte) {
	_, err := f.WriteAt(b, off)
	require.NoError(t, err)
}

// oneByte damages a byte in the data of an early entry.
func oneByte(t *testing.T, f *os.File, frames []placedFrame) {
	flipAt(t, f, payloadOf(early(frames))+50)
}

// threeBytes damages three bytes in the data of the largest entry.
func threeBytes(t *testing.T, f *os.File, frames []placedFrame) {
	big := largest(frames)
	flipAt(t, f, payloadOf(big)+50, payloadOf(big)+big.Size/2, payloadOf(big)+big.Size-1000)
}

// beginnings overwrites the data of the largest entry by beginnings of records, one in each 16
// bytes, and damages its head.
func beginnings(typ byte, trailer bool) func(t *testing.T, f *os.File, frames []placedFrame) {
	return func(t *testing.T, f *os.File, frames []placedFrame) {
		big := largest(frames)
		off := (payloadOf(big) + frame.WordSize) &^ (frame.WordSize - 1)
		b := make([]byte, (big.off+big.Size-off)/16*16)
		for i := 0; i < len(b); i += 16 {
			left := min(len(b)-i-64, 1<<21-64)
			if left < 1<<15 {
				break
			}
			// What each claims to hold ends somewhere else, at a beginning where there are no
			// trailers.
			n := 8 + (1<<14+(i*7)%(left-1<<14))/16*16
			if trailer {
				n += walpb.TrailerSize
			}
			binary.LittleEndian.PutUint64(b[i:], frame.MakeWord(int64(n)))
			data := n - 8
			if trailer {
				data -= walpb.TrailerSize
			}
			copy(b[i+8:], []byte{8, typ, 16, 0, 26, byte(data) | 0x80, byte(data>>7) | 0x80,
				byte(data >> 14)})
		}
		writeAt(t, f, off, b)
		flipAt(t, f, big.off+3, big.off+9)
	}
}

var damageShapes = []damageShape{
	{name: "one byte", do: oneByte},
	{name: "one byte, small records", entry: 300, do: oneByte},
	{name: "one byte, plain", opts: []Option{WithEtcdFormat()}, do: oneByte},
	{name: "one byte, not in the last segment", behind: 100, do: oneByte},
	{name: "a bit of a length word", do: func(t *testing.T, f *os.File, frames []placedFrame) {
		flipAt(t, f, early(frames).off+2) // 1 MiB more or less
	}},
	{name: "a high bit of a length word", do: func(t *testing.T, f *os.File, frames []placedFrame) {
		flipAt(t, f, early(frames).off+6)
	}},
	{name: "a bit of a length word, plain", opts: []Option{WithEtcdFormat()},
		do: func(t *testing.T, f *os.File, frames []placedFrame) {
			flipAt(t, f, early(frames).off+2)
		}},
	{name: "a bit of a length word, in a file of 3 GiB", sparse: true,
		do: func(t *testing.T, f *os.File, frames []placedFrame) {
			if err := f.Truncate(3 << 30); err != nil {
				t.Skip("this file system has no files of 3 GiB: ", err)
			}
			var word [1]byte
			at := early(frames).off + 3 // 2 GiB more
			_, err := f.ReadAt(word[:], at)
			require.NoError(t, err)
			writeAt(t, f, at, []byte{word[0] ^ 0x80})
		}},
	{name: "a block of zeros", do: func(t *testing.T, f *os.File, frames []placedFrame) {
		writeAt(t, f, early(frames).off&^4095, make([]byte, 8192))
	}},
	{name: "noise to the end", do: func(t *testing.T, f *os.File, frames []placedFrame) {
		writeAt(t, f, early(frames).off, noise(int(frames[len(frames)-1].off-early(frames).off)))
	}},
	{name: "noise to the end, plain", opts: []Option{WithEtcdFormat()},
		do: func(t *testing.T, f *os.File, frames []placedFrame) {
			writeAt(t, f, early(frames).off, noise(int(frames[len(frames)-1].off-early(frames).off)))
		}},
	{name: "every other word zero", do: everyOther},
	{name: "every other word zero, plain", opts: []Option{WithEtcdFormat()}, do: everyOther},
	{name: "three bytes of a large record", entry: -1, do: threeBytes},
	{name: "three bytes of a large record, plain", entry: -1, opts: []Option{WithEtcdFormat()},
		do: threeBytes},
	{name: "beginnings of crc records", entry: -1, beginnings: true, do: beginnings(4, true)},
	{name: "beginnings of entries", entry: -1, beginnings: true, do: beginnings(2, true)},
	{name: "beginnings of crc records, plain", entry: -1, beginnings: true,
		opts: []Option{WithEtcdFormat()}, do: beginnings(4, false)},
	{name: "beginnings of entries, plain", entry: -1, beginnings: true,
		opts: []Option{WithEtcdFormat()}, do: beginnings(2, false)},
	{name: "the last record torn", entry: -1,
		do: func(t *testing.T, f *os.File, frames []placedFrame) {
			big := largest(frames)
			writeAt(t, f, big.off+big.Size/2, make([]byte, big.Size-big.Size/2))
			last := frames[len(frames)-1]
			writeAt(t, f, last.off, make([]byte, last.Size))
		}},
}

func everyOther(t *testing.T, f *os.File, frames []placedFrame) {
	b := noise(int(frames[len(frames)-1].off - early(frames).off))
	for i := 0; i+8 <= len(b); i += 16 {
		clear(b[i : i+8])
	}
	writeAt(t, f, early(frames).off, b)
}

func noise(n int) []byte {
	b := make([]byte, n+8)
	rnd := rand.New(rand.NewPCG(uint64(n), 7))
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rnd.Uint64())
	}
	return b[:n]
}

// damageVerb is a call that reads a log.
type damageVerb struct {
	name    string
	changes bool   // the files
	writes  uint64 // memory for what it writes when there is damage
	do      func(dir string, opts ...Option) error
}

// damageVerbs are all that reads a log. What they say is not the question here, as long as it is
// about damage.
var damageVerbs = []damageVerb{
	{"OpenForRead", false, 0, func(dir string, opts ...Option) error {
		r, err := OpenForRead(nil, dir, nil, opts...)
		if err != nil {
			return err
		}
		return r.Close()
	}},
	{"Verify", false, 0, func(dir string, opts ...Option) error {
		_, err := Verify(nil, dir, opts...)
		return err
	}},
	{"ValidSnapshots", false, 0, func(dir string, opts ...Option) error {
		_, err := ValidSnapshots(nil, dir, opts...)
		return err
	}},
	{"Records", false, 0, func(dir string, opts ...Option) error { return eachRecord(dir, opts...) }},
	{"Records WithTolerant", false, 0, func(dir string, opts ...Option) error {
		return eachRecord(dir, append(opts, WithTolerant())...)
	}},
	{"Open", true, 3 << 20, func(dir string, opts ...Option) error {
		w, err := Open(nil, dir, nil, append(opts, WithPreallocation(PreallocateNone))...)
		if err != nil {
			return err
		}
		return w.Close()
	}},
	{"Repair", true, 3 << 20, func(dir string, opts ...Option) error {
		_, err := Repair(nil, dir, append(opts, WithTruncateCorruption())...)
		return err
	}},
}

func eachRecord(dir string, opts ...Option) (first error) {
	for _, err := range Records(dir, opts...) {
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}

// cost is what one reading takes.
type cost struct {
	memory uint64 // allocated in all, in bytes
	reads  readCount
	time   time.Duration
}

// readCount counts readings.
type readCount struct{ calls, bytes int64 }

// costOf does a verb and measures it.
func costOf(t *testing.T, dir string, do func(dir string, opts ...Option) error) cost {
	var counter readCounter
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	if err := do(dir, withFS(counter.fs())); err != nil {
		require.True(t, errors.Is(err, ErrCorrupt), "%v", err)
	}
	c := cost{time: time.Since(began)}
	runtime.ReadMemStats(&after)
	c.memory = after.TotalAlloc - before.TotalAlloc
	c.reads = readCount{counter.calls.Load(), counter.bytes.Load()}
	return c
}

// Not parallel with other tests: what they allocate would count.
func TestDamage_CostsNoMoreThanHealth(t *testing.T) {
	size := int64(4 << 20)
	timed := false
	if mib, err := strconv.Atoi(os.Getenv(damageMIB)); err == nil {
		size, timed = int64(mib)<<20, true
	}
	for _, shape := range damageShapes {
		t.Run(shape.name, func(t *testing.T) {
			limit, size := costLimit{times: 5, memory: 2 << 20, timed: timed && !shape.beginnings}, size
			if timed { // what is allocated, all in all, grows a little with the segment
				limit.memory = 16 << 20
			}
			if shape.beginnings { // those that wait have their memory; their time is linear, but more
				limit.times, limit.memory, size = 10, 48<<20, size/8
			}
			limit.calls = size/256 + 2000
			dir, path := shape.log(t, size)
			frames := framesOf(t, path)
			costs := map[string]cost{}
			for _, v := range damageVerbs {
				costs[v.name] = costOf(t, dir, v.do)
			}
			if shape.behind == 0 { // Open has closed it, and cut it to its end
				path = segmentsOf(t, dir)[0]
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			defer f.Close()
			shape.do(t, f, frames)
			for i, v := range damageVerbs {
				if shape.beginnings && (v.name == "Verify" || v.name == "ValidSnapshots") {
					continue // as OpenForRead
				}
				if shape.sparse && v.name == "Open" {
					continue
				}
				at := dir
				if v.changes && i < len(damageVerbs)-1 {
					at = filepath.Join(t.TempDir(), "copy")
					copyDir(t, dir, at)
				}
				limit.check(t, v, at, costs[v.name])
			}
		})
	}
}

// costLimit says how much more a call may cost where a log is damaged: so many times what it costs
// where the log is intact, and so much beside.
type costLimit struct {
	times  int64
	memory uint64
	calls  int64
	timed  bool
}

// check measures a call in a damaged log, and compares it with the same in the intact one.
func (l costLimit) check(t *testing.T, v damageVerb, dir string, want cost) {
	got := costOf(t, dir, v.do)
	t.Logf("%-20s %7.1f MB, was %7.1f; reads %7.1f MB, was %7.1f; calls %6d, were %6d; "+
		"%8.2f ms, were %8.2f", v.name,
		float64(got.memory)/1e6, float64(want.memory)/1e6,
		float64(got.reads.bytes)/1e6, float64(want.reads.bytes)/1e6,
		got.reads.calls, want.reads.calls, got.time.Seconds()*1e3, want.time.Seconds()*1e3)
	assert.Less(t, got.memory, want.memory+l.memory+v.writes, "%s takes memory", v.name)
	assert.Less(t, got.reads.bytes, l.times*want.reads.bytes+1<<20, "%s reads too much", v.name)
	assert.Less(t, got.reads.calls, l.times*want.reads.calls+l.calls, "%s reads too often", v.name)
	if !l.timed || v.changes { // those that change the log write, too
		return
	}
	for range 2 {
		got.time = min(got.time, costOf(t, dir, v.do).time)
	}
	assert.Less(t, got.time, 5*want.time+50*time.Millisecond, "%s takes time", v.name)
}

// log makes a log of the shape's kind with a segment of a size, which is at path.
func (s damageShape) log(t *testing.T, size int64) (dir, path string) {
	w, dir := newLog(t, append([]Option{WithSegmentSize(2 * size), WithNoSync(),
		WithPreallocation(PreallocateNone)}, s.opts...)...)
	save := func(n int) {
		next := w.LastIndex() + 1
		require.NoError(t, w.SaveEntry([]log.LogEntry{entry(1, next, string(noise(n)))}))
	}
	n := s.entry
	if n <= 0 {
		n = smallEntries
	}
	fill := size
	if s.entry < 0 {
		fill = size / 4
	}
	for at := int64(0); at < fill; at = tailOf(w).off {
		save(n)
	}
	if s.entry < 0 {
		save(int(size / 2))
		save(n)
	}
	if s.behind > 0 {
		forceCut(t, w)
		for range s.behind {
			save(n)
		}
	}
	require.NoError(t, w.Close())
	return dir, segmentsOf(t, dir)[0]
}

// readCounter counts what is read of the files of a directory.
type readCounter struct{ calls, bytes atomic.Int64 }

// fs is the operating system's file system, counted.
func (c *readCounter) fs() vfs.FS {
	return faultfs.Wrap(vfs.OS{}, func(d vfs.Dir) vfs.Dir { return countDir{d, c} })
}

type countDir struct {
	vfs.Dir
	c *readCounter
}

func (d countDir) open(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return countFile{f, d.c}, nil
}

func (d countDir) OpenRead(name string) (vfs.File, error) { return d.open(d.Dir.OpenRead(name)) }
func (d countDir) OpenLocked(name string) (vfs.File, error) {
	return d.open(d.Dir.OpenLocked(name))
}

type countFile struct {
	vfs.File
	c *readCounter
}

func (f countFile) ReadAt(b []byte, off int64) (int, error) {
	f.c.calls.Add(1)
	n, err := f.File.ReadAt(b, off)
	f.c.bytes.Add(int64(n))
	return n, err
}
