package crashfs_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

const sector = crashfs.SectorSize

// show describes an image: each file with a letter for each sector, and the number of bytes of the
// last sector if it is not full.
func show(im crashfs.Image) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(im)) {
		s, data := name, im[name]
		if data != nil {
			s += "="
		}
		for ; len(data) >= sector; data = data[sector:] {
			c := data[0]
			if !bytes.Equal(data[:sector], bytes.Repeat([]byte{c}, sector)) {
				c = '?'
			}
			if c == 0 {
				c = '.'
			}
			s += string(c)
		}
		if len(data) > 0 {
			s += fmt.Sprintf("+%d", len(data))
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// world is a disk that has one file open.
type world struct {
	t *testing.T
	*crashfs.Disk
	vfs.File
}

func (w *world) ok(err error) { require.NoError(w.t, err) }

// write fills each sector of the file, from the first one on, with a letter of its own. '-' leaves
// a sector as it is.
func (w *world) write(letters string) {
	for i, c := range letters {
		if c != '-' {
			_, err := w.WriteAt(bytes.Repeat([]byte{byte(c)}, sector), int64(i*sector))
			w.ok(err)
		}
	}
}

func (w *world) fail(f crashfs.Fault) {
	f.Err = errFault
	w.Inject(func(faultfs.Call) *crashfs.Fault { return &f })
}

// For each rule of what a sync does, this is the complete list of what a crash may leave.
func TestWhatACrashLeaves(t *testing.T) {
	ab := crashfs.Image{"d/": nil, "d/f": bytes.Repeat([]byte("a"), 2*sector)}
	tests := []struct {
		name string
		im   crashfs.Image
		do   func(w *world)
		want []string
	}{
		{"nothing", ab, func(*world) {}, []string{"aa"}},
		{"a sector", ab, func(w *world) { w.write("b") }, []string{"aa", "ba"}},
		{"two sectors in any mixture", ab, func(w *world) { w.write("bc") },
			[]string{"aa", "ac", "ba", "bc"}},
		{"one write of two sectors", ab, func(w *world) {
			_, err := w.WriteAt(bytes.Repeat([]byte("b"), 2*sector), 0)
			w.ok(err)
		}, []string{"aa", "ab", "ba", "bb"}},
		{"a sector in any of its versions", ab,
			func(w *world) { w.write("b"); w.write("c"); w.write("d") }, []string{"aa", "ba", "ca", "da"}},
		{"a part of a sector", ab, func(w *world) {
			_, err := w.WriteAt([]byte("x"), 10)
			w.ok(err)
		}, []string{"?a", "aa"}},
		{"a sync", ab, func(w *world) {
			w.write("bc")
			w.ok(w.Sync())
			w.write("-d")
		}, []string{"bc", "bd"}},
		{"a datasync", ab, func(w *world) {
			w.write("bc")
			w.ok(w.Datasync())
			w.write("d")
		}, []string{"bc", "dc"}},
		{"a growing", ab, func(w *world) { w.write("--b") }, []string{"aa", "aa.", "aab"}},
		{"a growing by two sectors", ab, func(w *world) {
			_, err := w.WriteAt(bytes.Repeat([]byte("b"), sector+5), 2*sector)
			w.ok(err)
		}, []string{"aa", "aa.", "aa.+5", "aab", "aab+5"}},
		{"a datasync of a growing", ab, func(w *world) { w.write("--b"); w.ok(w.Datasync()) },
			[]string{"aab"}},
		{"reserved space", ab, func(w *world) { w.ok(w.Reserve(3*sector + 1)) }, []string{"aa", "aa.+1"}},
		{"a datasync needs no reserved space", ab,
			func(w *world) { w.ok(w.Reserve(4 * sector)); w.write("--b"); w.ok(w.Datasync()) },
			[]string{"aab."}},
		{"a datasync of what was there before the space", ab,
			func(w *world) { w.write("b"); w.ok(w.Reserve(3 * sector)); w.ok(w.Datasync()) },
			[]string{"ba", "ba."}},
		{"a sync of reserved space", ab, func(w *world) { w.ok(w.Reserve(3 * sector)); w.ok(w.Sync()) },
			[]string{"aa."}},
		{"a truncation", ab, func(w *world) { w.ok(w.Truncate(sector)) }, []string{"a", "a.", "aa"}},
		{"a synced truncation", ab, func(w *world) { w.ok(w.Truncate(sector)); w.ok(w.Sync()) },
			[]string{"a"}},
		{"a truncation and a growing", ab,
			func(w *world) { w.ok(w.Truncate(0)); w.ok(w.Truncate(sector)); w.ok(w.Sync()) }, []string{"."}},
		{"a sync that fails", ab, func(w *world) {
			w.write("b")
			w.fail(crashfs.Fault{})
			w.Sync()
			w.Inject(nil)
		}, []string{"aa", "ba"}},
		{"a sync after one that failed", ab, func(w *world) {
			w.write("b")
			w.fail(crashfs.Fault{})
			w.Sync()
			w.Inject(nil)
			w.ok(w.Sync())
		}, []string{"ba"}},
		{"a sync after one that lost its pages", ab, func(w *world) {
			w.write("bb")
			w.fail(crashfs.Fault{Clean: true})
			w.Datasync()
			w.Inject(nil)
			w.write("-c")
			w.ok(w.Sync())
		}, []string{"ac", "bc"}},
		{"lost pages that are written again", ab, func(w *world) {
			w.write("b")
			w.fail(crashfs.Fault{Clean: true})
			w.Datasync()
			w.Inject(nil)
			w.write("b")
			w.ok(w.Datasync())
		}, []string{"ba"}},
		{"a write that fails in the middle", ab, func(w *world) {
			w.fail(crashfs.Fault{Partial: sector})
			w.WriteAt(bytes.Repeat([]byte("b"), 2*sector), 0)
		}, []string{"aa", "ba"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := crashfs.New(tt.im.Clone())
			f, err := byPath{d}.OpenLocked("d/f")
			require.NoError(t, err)
			rec := d.Record()
			tt.do(&world{t, d, f})
			var got []string
			m := end(rec)
			each(t, m, func(im crashfs.Image) {
				got = append(got, strings.TrimPrefix(show(im), "d/ d/f="))
			})
			slices.Sort(got)
			require.Equal(t, tt.want, slices.Compact(got))
		})
	}
}

func TestWhatACrashLeavesOfDirectories(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *world)
		want []string
	}{
		{"a creation", func(w *world) { w.create("b") }, []string{"a", "a b"}},
		{"a synced creation", func(w *world) { w.create("b"); w.ok(w.SyncDir("d")) }, []string{"a b"}},
		{"a sync of the file alone", func(w *world) { w.ok(w.create("b").Sync()) }, []string{"a", "a b"}},
		{"a sync of the directory above", func(w *world) { w.create("b"); w.ok(w.SyncDir(".")) },
			[]string{"a", "a b"}},
		{"a rename, half done too", func(w *world) { w.ok(byPath{w.Disk}.Rename("d/a", "d/b")) },
			[]string{"a", "a b", "b"}},
		{"a synced rename", func(w *world) {
			w.ok(byPath{w.Disk}.Rename("d/a", "d/b"))
			w.ok(w.SyncDir("d"))
		}, []string{"b"}},
		{"a removal", func(w *world) { w.ok(w.Remove("d/a")) }, []string{"", "a"}},
		{"out of order", func(w *world) {
			w.create("b")
			w.ok(w.Remove("d/a"))
		}, []string{"", "a", "a b", "b"}},
		{"created and removed", func(w *world) {
			w.create("b")
			w.ok(w.Remove("d/b"))
		}, []string{"a", "a b"}},
		{"a rename without the creation", func(w *world) {
			w.create("b")
			w.ok(byPath{w.Disk}.Rename("d/b", "d/c"))
		}, []string{"a", "a b", "a b c", "a c"}},
		{"a directory in it", func(w *world) {
			w.ok(w.Mkdir("d/s"))
			w.create("s/f")
			w.ok(w.SyncDir("d/s"))
		}, []string{"a", "a s/ s/f"}},
		{"a failed sync", func(w *world) {
			w.create("b")
			w.fail(crashfs.Fault{})
			w.SyncDir("d")
		}, []string{"a", "a b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := crashfs.New(crashfs.Image{"d/": nil, "d/a": {}})
			rec := d.Record()
			tt.do(&world{t: t, Disk: d})
			m := end(rec)
			var got []string
			each(t, m, func(im crashfs.Image) {
				var names []string
				for name := range im {
					if name = strings.TrimPrefix(name, "d/"); name != "" {
						names = append(names, name)
					}
				}
				slices.Sort(names)
				got = append(got, strings.Join(names, " "))
			})
			slices.Sort(got)
			require.Equal(t, tt.want, slices.Compact(got))
		})
	}
}

func (w *world) create(name string) vfs.File {
	f, err := byPath{w.Disk}.CreateNew(path.Join("d", name))
	w.ok(err)
	return f
}

// end returns the media after all changes.
func end(rec *crashfs.Record) *crashfs.Media {
	m := rec.Media()
	for m.Advance() {
	}
	return m
}

// each calls f with all images of a moment, and requires that they are as many as Images says.
func each(t *testing.T, m *crashfs.Media, f func(im crashfs.Image)) {
	n := uint64(0)
	m.Each(func(im crashfs.Image) bool {
		f(im)
		n++
		return true
	})
	require.Equal(t, m.Images(), n)
}

// A sync takes some time: it does not cover what is written meanwhile.
func TestASyncCoversWhatWasBeforeIt(t *testing.T) {
	const writes = 50
	for try := 0; ; try++ {
		require.Less(t, try, 10_000, "never was a write in the middle of a sync")
		d := crashfs.New(crashfs.Image{"f": {0}})
		f, err := byPath{d}.OpenLocked("f")
		require.NoError(t, err)
		rec := d.Record()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range writes {
				f.WriteAt([]byte{byte(i + 1)}, 0)
				runtime.Gosched()
			}
		}()
		runtime.Gosched()
		require.NoError(t, f.Sync())
		<-done
		var ended, begun int // of the sync, in changes
		for _, line := range strings.Split(rec.String(), "\n") {
			if n, _ := fmt.Sscanf(line, "%d sync #1, what was before %d", &ended, &begun); n == 2 {
				break
			}
		}
		if ended <= begun+1 {
			continue
		}
		m := end(rec)
		left := map[byte]bool{}
		each(t, m, func(im crashfs.Image) { left[im["f"][0]] = true })
		require.Len(t, left, writes-begun+1, "\n%s", rec)
		for i := begun; i <= writes; i++ {
			require.True(t, left[byte(i)], "%d\n%s", i, rec)
		}
		return
	}
}

// Every sample is one of all images, all images are sampled, and a seed repeats the samples.
func TestSamplesAreAllImages(t *testing.T) {
	d := crashfs.New(crashfs.Image{"d/": nil, "d/f": make([]byte, 3*sector)})
	f, err := byPath{d}.OpenLocked("d/f")
	require.NoError(t, err)
	rec := d.Record()
	w := &world{t, d, f}
	w.write("abc")
	w.ok(f.Truncate(2 * sector))
	w.write("d")
	w.ok(byPath{d}.Rename("d/f", "d/g"))
	m := end(rec)
	all := map[string]bool{}
	each(t, m, func(im crashfs.Image) { all[show(im)] = true })
	require.Equal(t, show(d.Image()), show(m.Newest()))
	seen := map[string]bool{}
	sample := func(seed uint64) string { return show(m.Sample(rand.New(rand.NewPCG(seed, 0)))) }
	for seed := range uint64(20_000) {
		s := sample(seed)
		require.True(t, all[s], s)
		seen[s] = true
	}
	require.Equal(t, all, seen)
	require.Equal(t, sample(1), sample(1))
}

// A block of 4 KiB may be lost as a whole while all others are kept.
func TestSamplesLoseWholeBlocks(t *testing.T) {
	d := crashfs.New(crashfs.Image{"f": make([]byte, 4*crashfs.BlockSize)})
	f, err := byPath{d}.OpenLocked("f")
	require.NoError(t, err)
	rec := d.Record()
	_, err = f.WriteAt(bytes.Repeat([]byte("x"), 4*crashfs.BlockSize), 0)
	require.NoError(t, err)
	m := rec.Media()
	m.Advance()
	seen := map[string]bool{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		seen[show(m.Sample(rnd))] = true
	}
	const x, none = "xxxxxxxx", "........"
	for _, want := range []string{none + x + x + x, x + none + x + x, x + x + none + none,
		none + none + none + none, x + x + x + x, x + x + x + "xxxxxxx."} {
		require.True(t, seen["f="+want], want)
	}
}

// After each of many random operations, the image in which nothing is lost is what the running
// system sees, and so is the disk after the process has died. What was synced is in every image.
func TestNewestIsWhatTheSystemSees(t *testing.T) {
	const seed = 7
	for round := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, round))
		d := crashfs.New(crashfs.Image{"d/": nil})
		rec := d.Record()
		m := rec.Media()
		for range 60 {
			someCall(rnd, d)
			for m.Advance() {
			}
			require.Equal(t, show(d.Image()), show(m.Newest()), "seed %d, round %d\n%s", seed, round, rec)
			if rnd.IntN(10) == 0 {
				d, rec = m.Killed()
				require.Equal(t, show(d.Image()), show(m.Newest()), "seed %d, round %d\n%s", seed, round, rec)
				next := rec.Media()
				require.Equal(t, m.Images(), next.Images())
				m = next
			}
		}
		for name := range d.Image() {
			if f, err := (byPath{d}).OpenRead(name); err == nil {
				require.NoError(t, f.Sync())
			}
		}
		require.NoError(t, d.SyncDir("d"))
		for m.Advance() {
		}
		each(t, m, func(im crashfs.Image) { require.Equal(t, show(d.Image()), show(im)) })
	}
}

// someCall makes a random call on one of a few files. Some calls must fail.
func someCall(rnd *rand.Rand, d *crashfs.Disk) {
	name := func() string { return "d/" + string(rune('a'+rnd.IntN(3))) }
	f, err := byPath{d}.CreateLocked(name())
	if err != nil {
		return
	}
	defer f.Close()
	switch size := rnd.Int64N(5 * sector); rnd.IntN(9) {
	case 0, 1, 2:
		f.WriteAt(bytes.Repeat([]byte{byte('a' + rnd.IntN(26))}, rnd.IntN(3*sector)), size)
	case 3:
		f.Truncate(size)
	case 4:
		f.Reserve(size)
	case 5:
		f.Sync()
		d.SyncDir("d")
	case 6:
		f.Datasync()
	case 7:
		byPath{d}.Rename(name(), name())
	case 8:
		d.Remove(name())
	}
}
