package wal

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A damaged length of a segment makes a hole of terabytes: something at its end was never
// acknowledged, as far as the log tells, and nothing is prepared space. Neither takes memory or
// time for the length, in whatever way the log is read, opened or repaired.
func TestDamage_ToTheLengthOfAFileTakesNoMemory(t *testing.T) {
	for name, behind := range map[string][]byte{"something at the end": {7},
		"nothing at the end": nil} {
		for _, mend := range []struct {
			name string
			do   func(dir string) error
		}{
			{"Open", func(dir string) error {
				w, err := Open(nil, dir, nil, WithPreallocation(PreallocateNone))
				if err != nil {
					return err
				}
				return w.Close()
			}},
			{"Repair", func(dir string) error { _, err := Repair(nil, dir); return err }},
		} {
			t.Run(name+"/"+mend.name, func(t *testing.T) {
				dir, last := logWithAHole(t, behind)
				torn := len(behind) > 0
				report, err := Verify(nil, dir)
				require.NoError(t, err)
				require.Equal(t, torn, report.Torn != nil)
				n, damages := 0, 0
				for _, err := range Records(dir, WithTolerant()) {
					if err != nil {
						require.ErrorIs(t, err, ErrCorrupt)
						damages++
						continue
					}
					n++
				}
				require.Greater(t, n, int(last))
				require.Equal(t, torn, damages == 1)
				require.NoError(t, mend.do(dir))
				report, err = Verify(nil, dir)
				require.NoError(t, err)
				require.Nil(t, report.Torn)
				require.Equal(t, last, report.LastIndex)
			})
		}
	}
}

// logWithAHole makes a log whose last segment has 4 TiB, with something at the end of them.
func logWithAHole(t *testing.T, behind []byte) (dir string, last uint64) {
	w, dir := newLog(t)
	fillSegments(t, w, 2)
	last = w.LastIndex()
	require.NoError(t, w.Close())
	segs := segmentsOf(t, dir)
	f, err := os.OpenFile(segs[len(segs)-1], os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	const size = 4 << 40
	if err := f.Truncate(size); err != nil {
		t.Skip("this file system has no files of 4 TiB: ", err)
	}
	_, err = f.WriteAt(behind, size-int64(len(behind)))
	require.NoError(t, err)
	if info, err := f.Stat(); err != nil || info.Size() != size {
		t.Skip("no sparse files")
	}
	return dir, last
}
