package wal

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that ends early: in all segments but the last that is an error. The last one then holds
// what was there after an earlier save; a disk that loses the length of a synced file cannot be
// told from a crash.
func TestMisplaced_SegmentsThatEndEarly(t *testing.T) {
	for _, s := range rotShapes {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, closed %v", s.name, closed), func(t *testing.T) {
				t.Parallel()
				c := newRotCase(t, s.make(t, closed))
				for name, data := range c.im {
					for size := 0; size < len(data); size += 1 + len(data)/60 {
						im := c.im.clone()
						im[name] = im[name][:size]
						refused, _ := c.judge(t, im, fmt.Sprintf("%s cut to %d bytes", name, size), name == c.last)
						require.True(t, refused || name == c.last, "%s cut to %d bytes", name, size)
					}
				}
			})
		}
	}
}

// Segments that are missing, doubled, renamed, swapped, or another log's. Without its last segments
// a log is what it was before they were begun, and without its first ones what a purge leaves:
// neither can be told.
func TestMisplaced_SegmentsOutOfPlace(t *testing.T) {
	for _, s := range rotShapes[:1] {
		for _, closed := range []bool{true, false} {
			c := newRotCase(t, s.make(t, closed))
			other := s
			life := s.life
			other.life = func(t *testing.T, w *WAL, again func() *WAL) {
				require.NoError(t, w.SaveEntry(entries(1, 1)))
				require.NoError(t, w.TruncateBack(0))
				life(t, w, again)
			}
			foreign := other.make(t, closed)
			names := c.im.names()
			require.GreaterOrEqual(t, len(names), 3)
			for i, name := range names {
				n, _ := parseSegmentName(name)
				seg := c.im[name]
				change := func(what string, allowed bool, do func(im image)) {
					im := c.im.clone()
					do(im)
					what = fmt.Sprintf("%s, segment %d of %d, closed %v", what, i, len(names), closed)
					refused, _ := c.judge(t, im, what, allowed)
					require.True(t, refused || allowed, what)
				}
				if i > 0 {
					change("missing", i == len(names)-1, func(im image) { delete(im, name) })
				}
				change("doubled", false, func(im image) {
					im[segmentName{n.seq, n.index + 1}.String()] = bytes.Clone(seg)
				})
				change("put behind", false,
					func(im image) { im[segmentName{uint64(len(names)), n.index}.String()] = bytes.Clone(seg) })
				change("renumbered", i == len(names)-1 && i == 0, func(im image) {
					delete(im, name)
					im[segmentName{n.seq + 100, n.index}.String()] = bytes.Clone(seg)
				})
				for j, with := range names {
					if j != i {
						change("in place of "+with, false, func(im image) { im[with] = bytes.Clone(seg) })
						change("swapped with "+with, false,
							func(im image) { im[with], im[name] = im[name], im[with] })
					}
				}
				if into := segmentWithNumber(foreign, n.seq); into != nil {
					change("another log's", false, func(im image) { im[name] = bytes.Clone(into) })
				}
			}
		}
	}
}

// A segment whose name tells another index: an error, or the very same entries from the start that
// was asked for.
func TestMisplaced_SegmentsUnderAnotherIndex(t *testing.T) {
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("meta"), withFS(m), WithSegmentSize(512),
		WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	for i := uint64(1); i <= 40; i++ {
		require.NoError(t, w.SaveEntry(entries(i, i)))
		if i%5 == 0 {
			require.NoError(t, w.SaveSnap(at(i)))
		}
	}
	last := w.LastIndex()
	require.NoError(t, w.Close())
	im := m.image()
	require.Greater(t, len(im), 4)
	refused, same := 0, 0
	for _, name := range im.names() {
		n, _ := parseSegmentName(name)
		for _, index := range []uint64{0, 1, n.index - 1, n.index + 1, n.index + 2, n.index + 10, 39, 40,
			41, 42, 1000, ^uint64(0)} {
			renamed := im.clone()
			delete(renamed, name)
			renamed[segmentName{n.seq, index}.String()] = bytes.Clone(im[name])
			for snap := uint64(0); snap <= 40; snap += 5 {
				w, err := Open(nil, memDir, at(snap), withFS(newMemFS(renamed.clone())),
					WithPreallocation(PreallocateNone))
				if err != nil {
					refused++
					continue
				}
				_, _, ents, err := w.ReadAll()
				require.NoError(t, err)
				if snap == last {
					require.Empty(t, ents)
				} else {
					require.Equal(t, entries(snap+1, last), ents, "%s as index %d, at %d", name, index, snap)
				}
				require.Equal(t, last, w.LastIndex(), "%s as index %d, at %d", name, index, snap)
				same++
			}
		}
	}
	t.Logf("%d opens refused, %d gave all", refused, same)
	require.NotZero(t, refused)
	require.NotZero(t, same)
}

func segmentWithNumber(im image, seq uint64) []byte {
	for name, data := range im {
		if n, ok := parseSegmentName(name); ok && n.seq == seq {
			return data
		}
	}
	return nil
}
