package wal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/walpb"
)

// repairLog is a log of four segments, as files, with what it holds after each save.
type repairLog struct {
	im    image
	names []string
	saves []savedAt
}

// savedAt is where a save ends, and the content then.
type savedAt struct {
	seg     string
	end     int64
	last    uint64
	content string
}

func newRepairLog(t *testing.T, closed bool) *repairLog {
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("meta"), withFS(m), WithSegmentSize(512),
		WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	rl := &repairLog{}
	note := func() {
		got, err := content(&w.view)
		require.NoError(t, err)
		rl.saves = append(rl.saves, savedAt{w.tailSegment().String(), tailOf(w).off, w.LastIndex(), got})
	}
	note()
	for i := uint64(1); i <= 14; i++ {
		saveAll(t, w, i, i, words)
		note()
	}
	if closed {
		require.NoError(t, w.Close())
	}
	w.pipeline.close()
	rl.im = m.image()
	rl.names = rl.im.names()
	require.Len(t, rl.names, 4)
	return rl
}

// before is the last save that ends at or before an offset of a segment.
func (rl *repairLog) before(seg string, off int64) savedAt {
	var last savedAt
	for _, s := range rl.saves {
		if s.seg < seg || s.seg == seg && s.end <= off {
			last = s
		}
	}
	return last
}

// repaired runs Repair on the image and returns the report and what is there then.
func repaired(im image, opts ...Option) (*Report, image, error) {
	m := newMemFS(im.clone())
	report, err := Repair(nil, memDir, append([]Option{withFS(m)}, opts...)...)
	return report, m.image(), err
}

func TestRepair_LeavesAHealthyLogAsItIs(t *testing.T) {
	for _, closed := range []bool{true, false} {
		rl := newRepairLog(t, closed)
		for _, opts := range [][]Option{nil, {WithTruncateCorruption()}} {
			verified, err := Verify(nil, memDir, withFS(newMemFS(rl.im)))
			require.NoError(t, err)
			report, after, err := repaired(rl.im, opts...)
			require.NoError(t, err)
			require.True(t, rl.im.equal(after), "closed %v", closed)
			require.Equal(t, verified, report)
			require.Equal(t, 4, report.Segments)
			require.Equal(t, uint64(1), report.FirstIndex)
			require.Equal(t, uint64(14), report.LastIndex)
			require.Nil(t, report.Torn)
			require.Nil(t, report.Corruption)
			require.Empty(t, report.Broken)
		}
	}
}

// tear cuts the log's last save short, within its last record.
func (rl *repairLog) tear() (im image, end int64, cut []byte) {
	im = rl.im.clone()
	name, last := rl.names[3], rl.saves[len(rl.saves)-1]
	im[name] = append(im[name][:last.end-20], make([]byte, 300)...)
	end = rl.saves[len(rl.saves)-2].end
	return im, end, bytes.Clone(trimZeros(im[name][end:]))
}

func TestVerify_ReportsWhatItFindsAndChangesNothing(t *testing.T) {
	rl := newRepairLog(t, false)
	torn, end, cut := rl.tear()
	before := torn.clone()
	report, err := Verify(nil, memDir, withFS(newMemFS(torn)))
	require.NoError(t, err)
	require.Equal(t, &TornTail{Segment: rl.names[3], Offset: end, Bytes: int64(len(cut)),
		Reason: reasons["7"]}, report.Torn)
	require.Equal(t, uint64(13), report.LastIndex)
	require.Nil(t, report.Corruption)
	require.True(t, before.equal(torn))

	rotten := rl.im.clone()
	save := rl.before(rl.names[1], 300)
	rotten[rl.names[1]][save.end+30] ^= 4
	before = rotten.clone()
	report, err = Verify(nil, memDir, withFS(newMemFS(rotten)))
	require.ErrorIs(t, err, ErrCorrupt)
	require.Equal(t, rl.names[1], report.Corruption.Segment)
	require.Equal(t, save.end, report.Corruption.Offset)
	require.Equal(t, save.last, report.LastIndex, "the report tells what stands before the damage")
	require.Equal(t, save.last+1, report.Corruption.FirstIndex)
	require.Equal(t, uint64(14), report.Corruption.LastIndex)
	require.Nil(t, report.Torn)
	require.True(t, before.equal(rotten))
}

func TestRepair_KeepsATornTailBeforeItCuts(t *testing.T) {
	rl := newRepairLog(t, false)
	im, end, cut := rl.tear()
	m := newMemFS(im)
	fsys := faultfs.On(m)
	var healed []TornTail
	report, err := Repair(nil, memDir, withFS(fsys), WithListener(Listener{Healed: func(t TornTail) {
		healed = append(healed, t)
	}}))
	require.NoError(t, err)
	broken := rl.names[3] + ".broken"
	require.Equal(t, []string{broken}, report.Broken)
	require.Equal(t, []TornTail{*report.Torn}, healed)
	after := m.image()
	require.Equal(t, cut, after[broken], "exactly the bytes that were cut")
	require.True(t, oracle.IsZero(after[rl.names[3]][end:]))

	ops := fsys.Take()
	first := func(kind faultfs.Kind, name string) int {
		return slices.IndexFunc(ops,
			func(o faultfs.Call) bool { return o.Kind == kind && (name == "" || o.Name == name) })
	}
	order := []int{first(faultfs.Create, broken), first(faultfs.Write, broken),
		first(faultfs.Sync, broken), first(faultfs.SyncDir, ""), first(faultfs.Write, rl.names[3])}
	require.True(t, slices.IsSorted(order) && order[0] >= 0, "%v in %v", order, ops)
	got, err := openedContent(after)
	require.NoError(t, err)
	require.Equal(t, rl.saves[13].content, got)
}

// damageCase is damage to the log of four segments: where the log then has to end.
type damageCase struct {
	name string
	do   func(rl *repairLog, im image)
	want func(rl *repairLog) savedAt
}

func damageCases() []damageCase {
	var cases []damageCase
	for seg, at := range []int64{280, 280, 280, 270} {
		flip := func(off int64) func(rl *repairLog, im image) {
			return func(rl *repairLog, im image) { im[rl.names[seg]][off] ^= 8 }
		}
		cases = append(cases,
			damageCase{fmt.Sprintf("a bit in segment %d", seg), flip(at),
				func(rl *repairLog) savedAt { return rl.before(rl.names[seg], at) }},
			damageCase{fmt.Sprintf("zeros in segment %d", seg),
				func(rl *repairLog, im image) { clear(im[rl.names[seg]][at-10 : at+20]) },
				func(rl *repairLog) savedAt { return rl.before(rl.names[seg], at-10) }})
		if seg > 0 {
			start := func(rl *repairLog) savedAt { return rl.before(rl.names[seg], 0) }
			cases = append(cases,
				damageCase{fmt.Sprintf("the header of segment %d", seg), flip(20), start},
				damageCase{fmt.Sprintf("segment %d is empty", seg),
					func(rl *repairLog, im image) { im[rl.names[seg]] = nil }, start},
				damageCase{fmt.Sprintf("segment %d has one record", seg),
					func(rl *repairLog, im image) { im[rl.names[seg]] = im[rl.names[seg]][:32] }, start})
		}
		if seg == 1 || seg == 2 {
			cases = append(cases,
				damageCase{fmt.Sprintf("segment %d is missing", seg),
					func(rl *repairLog, im image) { delete(im, rl.names[seg]) },
					func(rl *repairLog) savedAt { return rl.before(rl.names[seg], 0) }},
				damageCase{fmt.Sprintf("segment %d is cut short", seg),
					func(rl *repairLog, im image) { im[rl.names[seg]] = im[rl.names[seg]][:333] },
					func(rl *repairLog) savedAt { return rl.before(rl.names[seg], 333) }})
		}
	}
	return cases
}

// what of an image stands in .broken files, and what in segments.
func splitBroken(im image) (broken, rest image) {
	broken, rest = image{}, image{}
	for name, data := range im {
		if strings.Contains(name, ".broken") {
			broken[name] = data
		} else {
			rest[name] = data
		}
	}
	return broken, rest
}

func TestRepair_CutsAtCorruptionOnlyWhenAsked(t *testing.T) {
	for _, c := range damageCases() {
		t.Run(c.name, func(t *testing.T) {
			rl := newRepairLog(t, true)
			im := rl.im.clone()
			c.do(rl, im)
			want := c.want(rl)

			report, after, err := repaired(im)
			require.ErrorIs(t, err, ErrCorrupt)
			require.NotNil(t, report.Corruption)
			require.True(t, im.equal(after), "without the option nothing changes")

			report, after, err = repaired(im, WithTruncateCorruption())
			require.NoError(t, err)
			broken, rest := splitBroken(after)
			require.Equal(t, want.last, report.LastIndex)
			if bytes.Contains(bytes.Join(slices.Collect(maps.Values(im)), nil), []byte("entry 14")) {
				require.Equal(t, want.last+1, report.Corruption.FirstIndex)
				require.Equal(t, uint64(14), report.Corruption.LastIndex)
			} else { // it cannot be made out any more
				require.Zero(t, report.Corruption.FirstIndex)
				require.Zero(t, report.Corruption.LastIndex)
			}
			require.ElementsMatch(t, broken.names(), report.Broken)
			require.Len(t, rest, report.Segments)
			rl.requireKept(t, im, after, want)

			_, err = openedContent(after.clone())
			require.NoError(t, err)
			got, err := readContent(after)
			require.NoError(t, err)
			require.Equal(t, want.content, got)
		})
	}
}

// requireKept makes sure that every byte that was cut stands in a .broken file.
func (rl *repairLog) requireKept(t *testing.T, before, after image, cut savedAt) {
	for name, data := range before {
		switch {
		case name > cut.seg:
			require.False(t, slices.Contains(after.names(), name), "%s is still there", name)
			require.True(t, bytes.Equal(data, after[name+".broken"]), "the whole of %s is kept", name)
		case name == cut.seg:
			require.True(t, bytes.Equal(data[:cut.end], after[name][:cut.end]),
				"what is before the cut in %s stays", name)
			require.True(t, oracle.IsZero(after[name][cut.end:]))
			rest := trimZeros(data[cut.end:])
			require.True(t, bytes.Equal(rest, after[name+".broken"]), "the end of %s is kept", name)
		default:
			require.True(t, bytes.Equal(data, after[name]), "%s stays", name)
		}
	}
}

func TestRepair_ASecondOneKeepsBoth(t *testing.T) {
	rl := newRepairLog(t, true)
	name := rl.names[0]
	im := rl.im.clone()
	second := rl.saves[2]
	im[name][second.end+20] ^= 2
	_, im, err := repaired(im, WithTruncateCorruption())
	require.NoError(t, err)
	w, err := Open(nil, memDir, nil, withFS(newMemFS(im)), WithSegmentSize(16<<10))
	require.NoError(t, err)
	saveAll(t, w, 3, 6, words)
	require.NoError(t, w.Close())
	im = w.opts.fs.(*memFS).image()
	firstBroken := bytes.Clone(im[name+".broken"])
	tail := bytes.Clone(trimZeros(im[name][second.end:]))
	im[name][second.end+20] ^= 2
	tail[20] ^= 2
	report, im, err := repaired(im, WithTruncateCorruption())
	require.NoError(t, err)
	require.Equal(t, []string{name + ".broken.1"}, report.Broken)
	require.Equal(t, firstBroken, im[name+".broken"])
	require.Equal(t, tail, im[name+".broken.1"])
	got, err := readContent(im)
	require.NoError(t, err)
	require.Equal(t, second.content, got)
}

func TestRepair_HasNothingToKeepWhenTheFirstHeaderIsDamaged(t *testing.T) {
	rl := newRepairLog(t, true)
	im := rl.im.clone()
	im[rl.names[0]][20] ^= 1
	report, after, err := repaired(im, WithTruncateCorruption())
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "nothing to repair")
	require.NotNil(t, report)
	require.True(t, im.equal(after))
}

// A repair that dies at any call can be run again, and loses nothing that was to be kept.
func TestRepair_InterruptedCanBeRunAgain(t *testing.T) {
	cases := append(damageCases(), damageCase{"torn tail",
		func(rl *repairLog, im image) { torn, _, _ := rl.tear(); im[rl.names[3]] = torn[rl.names[3]] },
		func(rl *repairLog) savedAt { return rl.saves[13] }})
	deaths := 0
	for _, c := range cases {
		rl := newRepairLog(t, c.name != "torn tail")
		im := rl.im.clone()
		c.do(rl, im)
		want := c.want(rl)
		for n := 1; ; n++ {
			m := newMemFS(im.clone())
			fsys := faultfs.On(m)
			calls := fsys.FailFrom(n)
			_, err := Repair(nil, memDir, withFS(fsys), WithTruncateCorruption())
			if *calls < n {
				require.NoError(t, err)
				break
			}
			deaths++
			what := fmt.Sprintf("%s, death at call %d of %v", c.name, n, fsys.Take())
			_, after, err := repaired(m.image(), WithTruncateCorruption())
			require.NoError(t, err, what)
			got, err := readContent(after)
			require.NoError(t, err, what)
			require.Equal(t, want.content, got, what)
			requireSomewhere(t, im, after, want, what)
		}
	}
	t.Log("deaths:", deaths)
	require.Greater(t, deaths, 300)
}

// requireSomewhere makes sure that all that was cut is in some .broken file.
func requireSomewhere(t *testing.T, before, after image, cut savedAt, what string) {
	broken, _ := splitBroken(after)
	for name, data := range before {
		from := int64(len(data))
		if name > cut.seg {
			from = 0
		} else if name == cut.seg {
			from = cut.end
		}
		rest := trimZeros(data[from:])
		found := len(rest) == 0
		for kept, bytesKept := range broken {
			found = found || strings.HasPrefix(kept, name) && bytes.HasPrefix(bytesKept, rest)
		}
		require.True(t, found, "%s: what was cut off %s is nowhere", what, name)
	}
}

func TestRepair_OfAnOpenLogIsRefused(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	_, err := Repair(nil, dir, WithTruncateCorruption())
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1}))
	_, err = Verify(nil, dir)
	require.NoError(t, err, "Verify takes no lock")
	require.NoError(t, w.Close())
	report, err := Repair(nil, dir)
	require.NoError(t, err)
	require.Equal(t, uint64(3), report.LastIndex)
}
