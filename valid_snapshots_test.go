package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestValidSnapshots_AscendingAndEachOnce(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 9}, entries(1, 10)))
	for _, s := range []*walpb.Snapshot{at(8), at(3), {Index: 5, Term: 2}, at(8), at(5), at(10),
		at(3)} {
		require.NoError(t, w.SaveSnap(s))
	}
	forceCut(t, w)
	require.NoError(t, w.SaveSnap(at(8)))
	snaps, err := ValidSnapshots(nil, dir)
	require.NoError(t, err)
	require.Equal(t, []log.Snapshot{&walpb.Snapshot{}, at(3), &walpb.Snapshot{Index: 5, Term: 2},
		at(5), at(8)}, snaps)
}

// One was recorded late, behind a jump; one became wrong by a purge and a truncation.
func TestValidSnapshots_ThoseThatDoNotOpenAreNotListed(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 20}, entries(1, 5)))
	require.NoError(t, w.SaveSnap(at(20)))
	require.NoError(t, w.SaveEntry(entries(21, 25)))
	require.NoError(t, w.SaveSnap(at(3)))
	require.Equal(t, []uint64{20}, validIndexes(t, dir))
	require.NoError(t, w.Close())
	_, err := Open(nil, dir, at(3))
	require.ErrorIs(t, err, ErrIndexGap)

	w, dir = newLog(t)
	fillSegments(t, w, 2)
	last := w.LastIndex()
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: last}))
	require.NoError(t, release(w, at(last)))
	_, err = w.Purge()
	require.NoError(t, err)
	require.NoError(t, w.TruncateBack(2))
	require.NoError(t, w.SaveSnap(at(1)))
	require.NoError(t, w.SaveEntry(entries(3, 4)))
	listed := validIndexes(t, dir)
	require.NoError(t, w.Close())
	for _, i := range []uint64{1, last} {
		r, err := OpenForRead(nil, dir, at(i))
		require.Equal(t, err == nil, slices.Contains(listed, i), "%d: %v", i, err)
		if err == nil {
			r.Close()
		}
	}
}

// needlessLog has a snapshot in its last segments that makes the first ones needless.
func needlessLog(t *testing.T) (im image, snap uint64) {
	m := newMemFS(nil)
	opts := []Option{withFS(m), WithSegmentSize(512), WithPreallocation(PreallocateNone)}
	w, err := Create(nil, memDir, []byte("meta"), opts...)
	require.NoError(t, err)
	fillSegments(t, w, 4)
	snap = w.LastIndex()
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: snap}))
	require.NoError(t, w.SaveSnap(at(snap)))
	fillSegments(t, w, 2)
	require.NoError(t, w.Close())
	return m.image(), snap
}

func TestValidSnapshots_NeedlessDamageDoesNotCount(t *testing.T) {
	im, snap := needlessLog(t)
	names := im.names()
	before := readFrom(t, im, snap)
	for name, damage := range map[string]func(im image){
		"a flipped bit":             func(im image) { im[names[1]][200] ^= 8 },
		"in the first head":         func(im image) { im[names[0]][20] ^= 8 },
		"in the head of the second": func(im image) { im[names[1]][30] ^= 8 },
		"a missing segment":         func(im image) { delete(im, names[2]) },
		"several": func(im image) {
			im[names[0]][200] ^= 8
			delete(im, names[1])
			im[names[2]][100] = 9
		},
		"a segment cut short": func(im image) {
			im[names[2]] = im[names[2]][:len(im[names[2]])-40]
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := im.clone()
			damage(bad)
			require.Equal(t, []uint64{snap}, validIndexes(t, memDir, withFS(newMemFS(bad))))
			require.Equal(t, before, readFrom(t, bad, snap))

			report, after, err := repaired(bad)
			require.ErrorIs(t, err, ErrCorrupt)
			require.True(t, bad.equal(after), "nothing is changed without the option")
			require.Equal(t, []log.Snapshot{at(snap)}, report.OpensAt)
			require.NotZero(t, report.Lost.Segments)

			planned, after, err := repaired(bad, WithTruncateCorruption(), WithDryRun())
			require.NoError(t, err)
			require.True(t, bad.equal(after), "a dry run changes nothing")

			report, after, err = repaired(bad, WithTruncateCorruption())
			require.NoError(t, err)
			require.Len(t, report.Broken, report.Lost.Segments)
			planned.Broken = report.Broken
			require.Equal(t, planned, report, "what was planned is what was done")
			require.EqualValues(t, 1, report.Lost.FirstIndex)
			require.Equal(t, report.FirstIndex-1, report.Lost.LastIndex)
			require.NotNil(t, report.Corruption)
			for _, file := range after.names() {
				if n := file[:len(segmentForm)]; n != file {
					require.Equal(t, bad[n], after[file], "kept as it was")
				}
			}
			require.Equal(t, before, readFrom(t, after, snap), "nothing that the snapshot needs is gone")
			report, err = Verify(nil, memDir, withFS(newMemFS(after)))
			require.NoError(t, err)
			require.Less(t, report.FirstIndex, snap+1)
		})
	}
}

// readFrom opens an image at a snapshot, in both ways, and returns what is behind it.
func readFrom(t *testing.T, im image, snap uint64) []log.LogEntry {
	t.Helper()
	ents := readAll(t, memDir, at(snap), withFS(newMemFS(im.clone())))
	w, err := Open(nil, memDir, at(snap), withFS(newMemFS(im.clone())), WithSegmentSize(512))
	require.NoError(t, err)
	_, _, same, err := w.ReadAll()
	require.NoError(t, err)
	require.Equal(t, ents, same)
	require.NoError(t, w.Close())
	return ents
}

// randomLife is a random life of a log, in which snapshots come at any index.
type randomLife struct {
	t    *testing.T
	rnd  *rand.Rand
	m    *memFS
	opts []Option
	etcd bool
	w    *WAL
	last uint64 // its last index, when it was closed at last
	did  []string

	// What a compaction says: the snapshots that it has not dropped, and up to where no entry can
	// be read.
	kept  []*walpb.Snapshot
	floor uint64
}

func newRandomLife(t *testing.T, seed uint64) *randomLife {
	l := &randomLife{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), m: newMemFS(nil)}
	l.opts = []Option{withFS(l.m), WithSegmentSize(512), WithPreallocation(PreallocateNone)}
	if l.etcd = seed%4 == 0; l.etcd {
		l.opts = append(l.opts, WithEtcdFormat())
	}
	var err error
	l.w, err = Create(nil, memDir, []byte("meta"), l.opts...)
	require.NoError(t, err)
	l.kept, l.did = []*walpb.Snapshot{{}}, []string{fmt.Sprint("seed ", seed)}
	return l
}

// from notes that an entry or a truncation changes the log from index i on.
func (l *randomLife) from(i uint64) { l.floor = min(l.floor, i-1) }

// snapshot saves a snapshot.
func (l *randomLife) snapshot(index, term uint64) error {
	s := &walpb.Snapshot{Index: index, Term: term}
	l.kept = append(l.kept, s)
	return l.w.SaveSnap(s)
}

// compact does the same whether other saves are on their way or not.
func (l *randomLife) compact(to uint64) error {
	if l.rnd.IntN(2) == 0 {
		_, err := l.w.Append(nil, []log.LogEntry{entry(1, l.w.LastIndex()+1, "on its way")})
		require.NoError(l.t, err)
	}
	first := l.w.FirstIndex()
	if err := l.w.Compact(to); err != nil {
		return err
	}
	l.floor = max(l.floor, to)
	l.kept = slices.DeleteFunc(l.kept, func(s *walpb.Snapshot) bool { return s.Index < to })
	require.GreaterOrEqual(l.t, l.w.FirstIndex(), max(first, to+1), "%v", l.did)
	if i := l.w.Snapshot().GetIndex(); i > 0 {
		require.GreaterOrEqual(l.t, i, to, "%v", l.did)
	}
	return nil
}

// restore replaces the log.
func (l *randomLife) restore(index, term uint64) error {
	s := &walpb.Snapshot{Index: index, Term: term}
	l.kept, l.floor = []*walpb.Snapshot{s}, index
	return l.w.Restore(s, nil, nil)
}

func (l *randomLife) step() {
	last := l.w.LastIndex()
	below := last - min(l.rnd.Uint64N(8), last)
	term := 1 + l.rnd.Uint64N(2)
	ents := func(first, n uint64) (out []log.LogEntry) {
		for i := range n {
			out = append(out, entry(term, first+i,
				fmt.Sprintf("%d in term %d %0*d", first+i, term, l.rnd.IntN(150), 0)))
		}
		return out
	}
	var err error
	op := l.rnd.IntN(14)
	l.did = append(l.did, fmt.Sprintf("%d(%d of %d)", op, below, last))
	switch op {
	case 0, 1, 2, 3:
		err = l.w.SaveEntry(ents(last+1, 1+l.rnd.Uint64N(3)))
	case 4:
		l.from(below + 1)
		err = l.w.SaveEntry(ents(below+1, 1))
	case 5, 6:
		err = l.snapshot(below, term)
	case 7:
		err = l.snapshot(last+l.rnd.Uint64N(9), term)
	case 8, 9:
		err = l.w.SaveState(&walpb.HardState{Term: term, Commit: below})
	case 10:
		snap := &walpb.Snapshot{Index: below, Term: term}
		l.kept = append(l.kept, snap) // it is saved first
		if err = release(l.w, snap); err == nil {
			_, err = l.w.Purge()
		}
	case 11:
		if err = l.w.TruncateBack(below); err == nil {
			l.from(below + 1)
		}
	case 12:
		if err = l.compact(below); err == nil && l.rnd.IntN(2) == 0 {
			err = l.restore(below+l.rnd.Uint64N(6), term)
		}
	case 13:
		l.reopen()
	}
	if l.etcd && (op == 11 || op == 12) {
		require.ErrorIs(l.t, err, errors.ErrUnsupported)
		return
	}
	require.Greater(l.t, l.w.FirstIndex(), l.floor, "%v", l.did)
	require.NoError(l.t, err, "%v", l.did)
}

// reopen opens the log at one of the snapshots that it lists, or at none.
func (l *randomLife) reopen() {
	require.NoError(l.t, l.w.Close())
	snaps, err := ValidSnapshots(nil, memDir, l.opts...)
	require.NoError(l.t, err, "%v", l.did)
	var snap log.Snapshot
	if len(snaps) > 0 && l.rnd.IntN(2) == 0 {
		snap = snaps[l.rnd.IntN(len(snaps))]
		l.did = append(l.did, fmt.Sprintf("at %v", snap.GetIndex()))
	}
	l.w, err = Open(nil, memDir, snap, l.opts...)
	require.NoError(l.t, err, "%v", l.did)
}

// recordedIn are the snapshots that stand anywhere in an image, and those of them that are
// committed whatever the state says: the one that it was restored to last, or at the index of a
// compaction.
func recordedIn(t *testing.T, im image) (out, committed []*walpb.Snapshot) {
	next := false
	for rec, err := range Records(memDir, withFS(newMemFS(im)), WithTolerant()) {
		if err == nil && rec.Type == log.SnapshotType && !rec.Unverified {
			s := new(walpb.Snapshot)
			if s.Unmarshal(rec.Data) != nil {
				continue // etcd's format has no check of a record's type
			}
			if out = append(out, s); next {
				committed = []*walpb.Snapshot{s}
			}
		}
		if next = err == nil && rec.Control == ControlRestore; err == nil &&
			rec.Control == ControlCompact {
			for _, s := range out {
				if s.Index == rec.CompactedTo {
					committed = append(committed, s)
				}
			}
		}
	}
	return out, committed
}

// holds reports whether a snapshot is among others.
func holds[S log.Snapshot](among []S, s *walpb.Snapshot) bool {
	return slices.ContainsFunc(among,
		func(o S) bool { return crashmodel.SameSnapshot(log.Snapshot(o).(*walpb.Snapshot), s) })
}

const sound = "a sound log"

// requireListedIsOpen makes sure that ValidSnapshots lists what is committed and opens, and nothing
// else.
func (l *randomLife) requireListedIsOpen(im image, what string) (listed []log.Snapshot) {
	listed, err := ValidSnapshots(nil, memDir, withFS(newMemFS(im)))
	if err != nil {
		require.True(l.t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrDecode), "%s: %v", what, err)
	}
	recorded, always := recordedIn(l.t, im)
	for _, s := range recorded {
		r, rerr := OpenForRead(nil, memDir, s, withFS(newMemFS(im)))
		w, werr := Open(nil, memDir, s, withFS(newMemFS(im.clone())))
		require.Equal(l.t, rerr == nil, werr == nil, "%s: snapshot %v: %v, %v\n%v", what, s, rerr, werr,
			l.did)
		opens, committed, committedTo := rerr == nil, false, uint64(0)
		if opens {
			st := r.State().(*walpb.HardState)
			committedTo = st.Commit
			committed = r.state == nil || s.Index <= st.Commit || holds(always, s)
			if what == sound {
				require.True(l.t, holds(l.kept, s), "snapshot %v was dropped\n%v", s, l.did)
				require.Greater(l.t, r.FirstIndex(), l.floor, "snapshot %v\n%v", s, l.did)
			}
			require.Equal(l.t, r.LastIndex(), w.LastIndex())
			// a jump was taken back: what comes next follows the snapshot
			if what == sound && r.LastIndex() != l.last {
				require.GreaterOrEqual(l.t, r.LastIndex(), s.Index, "snapshot %v\n%v", s, l.did)
			}
			require.NoError(l.t, w.Close())
		}
		is := holds(listed, s)
		if again := holds(always, s) && s.Index > committedTo; again && opens && !is && what != sound {
			continue // saved once more, and the Restore or the Compact is in the part that is damaged
		}
		require.Equal(l.t, opens && committed, is, "%s: snapshot %v, opens %v (%v), committed %v\n%v",
			what, s, opens, rerr, committed, l.did)
	}
	return listed
}

// damaged returns an image of the log with a segment that is damaged, gone, doubled or renamed.
func (l *randomLife) damaged(im image) (bad image, name string) {
	bad, names := im.clone(), im.names()
	name = names[l.rnd.IntN(len(names))]
	n, _ := parseSegmentName(name)
	switch k := l.rnd.IntN(12); {
	case k < 3 && len(names) > 1:
		delete(bad, name)
	case k == 3:
		n.index += l.rnd.Uint64N(5)
		bad[n.String()] = bytes.Clone(bad[name])
	case k == 4:
		delete(bad, name)
		n.index += l.rnd.Uint64N(5)
		bad[n.String()] = im[name]
	case k == 5:
		bad[name] = bad[name][:l.rnd.IntN(len(bad[name]))]
	default:
		bad[name][l.rnd.IntN(len(bad[name]))] ^= 1 << l.rnd.IntN(8)
	}
	return bad, name
}

// requireSameBounds makes sure that the log of an image goes from where to where a report says.
func requireSameBounds(t *testing.T, im image, report *Report, what string) {
	t.Helper()
	verified, err := Verify(nil, memDir, withFS(newMemFS(im)))
	require.NoError(t, err, what)
	require.Equal(t, verified.LastIndex, report.LastIndex, what)
	require.Equal(t, verified.FirstIndex, report.FirstIndex, what)
	require.Equal(t, verified.Segments, report.Segments, what)
}

// In random lives, whatever is listed opens, what opens and is committed is listed; and with damage
// anywhere, Repair takes nothing away that is reachable from a snapshot that is listed.
func TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed(t *testing.T) {
	// Each has found something, or has a snapshot that Repair has to keep.
	seeds := []uint64{10, 11, 12, 13, 14, 15, 45, 131}
	if newCrashPlan(t, 0).Long() {
		seeds = nil
		for seed := range uint64(300) {
			seeds = append(seeds, seed)
		}
	}
	kept := 0
	for _, seed := range seeds {
		l := newRandomLife(t, seed)
		for range 40 {
			l.step()
		}
		l.last = l.w.LastIndex()
		require.NoError(t, l.w.Close())
		im := l.m.image()
		l.requireListedIsOpen(im, sound)
		for range 4 {
			bad, name := l.damaged(im)
			what := fmt.Sprintf("seed %d, damage in %s", seed, name)
			listed := l.requireListedIsOpen(bad, what)
			planned, _, _ := repaired(bad, WithTruncateCorruption(), WithDryRun())
			report, after, err := repaired(bad, WithTruncateCorruption())
			if err != nil {
				require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrDecode), "%s: %v", what, err)
				require.Empty(t, listed, what)
				continue
			}
			requireSameBounds(t, after, report, what)
			planned.Broken = report.Broken
			require.Equal(t, planned, report, what)
			if report.Corruption != nil {
				now, err := ValidSnapshots(nil, memDir, withFS(newMemFS(after)))
				require.NoError(t, err, what)
				require.Equal(t, now, report.OpensAt, "%s: %+v, %v", what, report, l.did)
			}
			for _, s := range listed {
				before := readAll(t, memDir, s, withFS(newMemFS(bad)))
				require.Equal(t, before, readAll(t, memDir, s, withFS(newMemFS(after))), what)
				kept++
			}
		}
	}
	require.NotZero(t, kept)
}

func TestValidSnapshots_AreThoseUpToTheCommit(t *testing.T) {
	w, dir := newLog(t)
	indexes := func() (out []uint64) {
		t.Helper()
		snaps, err := ValidSnapshots(nil, dir)
		require.NoError(t, err)
		for _, s := range snaps {
			out = append(out, s.GetIndex())
		}
		return out
	}
	require.Equal(t, []uint64{0}, indexes())
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 4}, entries(1, 10)))
	for _, i := range []uint64{2, 4, 5, 9} {
		require.NoError(t, w.SaveSnap(at(i)))
	}
	require.Equal(t, []uint64{0, 2, 4}, indexes())
	fillSegments(t, w, 1)
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: 5}))
	require.Equal(t, []uint64{0, 2, 4, 5}, indexes())
	require.NoError(t, w.SaveSnap(at(w.LastIndex())))
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: w.LastIndex()}))
	require.NoError(t, w.Release(at(w.LastIndex())))
	_, err := w.Purge()
	require.NoError(t, err)
	require.Equal(t, []uint64{w.LastIndex()}, indexes())
}
