package wal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// What docs/FORMAT.md 7.4 says of two flips in etcd's format is so, and is not so with trailers.
func TestFormat_TwoFlipsCancelInEtcdsFormatOnly(t *testing.T) {
	const name = "0000000000000000-0000000000000000.wal"
	for format, opts := range map[string][]Option{"trailered": nil, "etcd": {WithEtcdFormat()}} {
		t.Run(format, func(t *testing.T) {
			m := newMemFS(nil)
			opts = append(opts, withFS(m), WithPreallocation(PreallocateNone))
			w, err := Create(nil, memDir, []byte("somedata"), opts...)
			require.NoError(t, err)
			require.NoError(t, w.Close())

			im := m.image()
			im[name][11] ^= 1 // the value of the first crc record
			im[name][bytes.Index(im[name], []byte("somedata"))] ^= 1
			r, err := OpenForRead(nil, memDir, nil, withFS(newMemFS(im)))
			if format == "trailered" {
				require.ErrorIs(t, err, ErrCorrupt)
				return
			}
			require.NoError(t, err, "if this is noticed now, say so in docs/FORMAT.md and DURABILITY.md")
			require.Equal(t, "romedata", string(r.Metadata()))
			require.NoError(t, r.Close())
		})
	}
}
