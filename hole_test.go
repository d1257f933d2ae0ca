package wal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A damaged length of a segment makes a hole of terabytes: with something at its end it is
// corrupt, without it is prepared space. Neither takes memory or time for the length.
func TestADamagedLengthOfAFileTakesNoMemory(t *testing.T) {
	for name, behind := range map[string][]byte{"something at the end": {7}, "nothing at the end": nil} {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t)
			fillSegments(t, w, 2)
			last := w.LastIndex()
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
			began := time.Now()

			_, err = Open(nil, dir, nil, WithPreallocation(PreallocateNone))
			_, verr := Verify(nil, dir)
			n, damages := 0, 0
			for _, err := range Records(dir, WithTolerant()) {
				if err != nil {
					require.ErrorIs(t, err, ErrCorrupt)
					damages++
					continue
				}
				n++
			}
			require.Less(t, time.Since(began), 20*time.Second)
			require.Greater(t, n, int(last))
			if behind == nil {
				require.NoError(t, err)
				require.NoError(t, verr)
				require.Zero(t, damages)
				return
			}
			var c *CorruptionError
			require.ErrorAs(t, err, &c)
			require.Equal(t, filepath.Base(segs[len(segs)-1]), c.Segment)
			require.ErrorIs(t, verr, ErrCorrupt)
			require.Equal(t, 1, damages)
		})
	}
}
