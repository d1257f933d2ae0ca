package wal

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// listingsDir answers each listing with the next of some, and the last one from then on.
type listingsDir struct {
	vfs.Dir
	listings [][]uint64 // numbers of segments
	asked    int
}

func (l *listingsDir) List() ([]string, error) {
	numbers := l.listings[min(l.asked, len(l.listings)-1)]
	l.asked++
	var names []string
	for _, n := range numbers {
		names = append(names, segmentName{seq: n}.String())
	}
	return names, nil
}

// A listing is not one moment: names that come or go meanwhile may be left out of it.
func TestBeside_Listing(t *testing.T) {
	tests := []struct {
		name     string
		listings [][]uint64
		asked    int
	}{
		{"no gap", [][]uint64{{3, 4, 5}}, 1},
		{"a purge in the first", [][]uint64{{0, 2, 3}, {2, 3}}, 2},
		{"a cut in the first", [][]uint64{{0, 1, 3}, {0, 1, 2, 3}}, 2},
		{"a cut in the first, a purge in the second", [][]uint64{{0, 2}, {0, 3}, {3}}, 3},
		{"a purge in each", [][]uint64{{0, 2, 3, 4, 5}, {2, 4, 5}, {4, 6}, {6}}, 4},
		{"a gap", [][]uint64{{0, 2}}, 3},
		{"a gap, and a purge before it", [][]uint64{{0, 2, 3, 5}, {3, 5}}, 3},
		{"a gap that a purge showed twice", [][]uint64{{0, 4}, {1, 4}, {2, 4}}, 3},
		{"a gap, and a cut behind it each time", [][]uint64{{0, 2}, {0, 2, 3}, {0, 2, 3, 4}}, 3},
		{"two with one number", [][]uint64{{0, 1, 1}}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &listingsDir{listings: tt.listings}
			names, err := listBeside(l)
			require.NoError(t, err)
			require.Equal(t, tt.asked, l.asked)
			last := tt.listings[min(tt.asked, len(tt.listings))-1]
			require.Len(t, names, len(last), fmt.Sprint(names))
			for i, n := range names {
				require.Equal(t, last[i], n.seq)
			}
		})
	}
}
