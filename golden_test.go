package wal

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

var update = flag.Bool("update", false, "write the golden files under testdata anew")

// goldenLog lives the life that the golden files show.
func goldenLog(t *testing.T, opts ...Option) image {
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("somedata"),
		append([]Option{withFS(m), WithSegmentSize(512), WithPreallocation(PreallocateNone)}, opts...)...)
	require.NoError(t, err)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Vote: 2, Commit: 1},
		[]log.LogEntry{entry(1, 1, "one"), entry(1, 2, "two")}))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 1, Term: 1}))
	require.NoError(t, w.SaveEntry([]log.LogEntry{entry(2, 2, strings.Repeat("2", 400))}))
	if w.TruncateBack(1) != nil {
		require.NoError(t, w.SaveEntry([]log.LogEntry{entry(2, 3, "")}))
	}
	w.pipeline.close()
	return m.image()
}

// dump writes a log as text: each frame with what it says, and its bytes.
func dump(im image) string {
	var b strings.Builder
	for _, name := range im.names() {
		n, _ := parseSegmentName(name)
		fmt.Fprintf(&b, "%s\n", name)
		seg := im[name]
		for off := 0; off < len(seg); {
			f, ok := oracle.ReadFrame(seg, n.seq, off)
			if !ok {
				fmt.Fprintf(&b, "\n# offset %d: not a record\n%s\n", off, hex.EncodeToString(seg[off:]))
				break
			}
			fmt.Fprintf(&b, "\n# offset %d: %s, crc %08x, data of %d bytes", off, log.RecordType(f.Type),
				f.CRC, len(f.Data))
			if f.Flags&1 != 0 {
				b.WriteString(", SYNCED")
			}
			if f.Flags&2 != 0 {
				b.WriteString(", COMMIT")
			}
			b.WriteByte('\n')
			for rest := seg[off : off+f.Size]; len(rest) > 0; rest = rest[min(32, len(rest)):] {
				fmt.Fprintf(&b, "%s\n", hex.EncodeToString(rest[:min(32, len(rest))]))
			}
			off += f.Size
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// undump reads back what dump wrote.
func undump(t *testing.T, text string) image {
	im, name := image{}, ""
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case strings.HasSuffix(line, ".wal"):
			name = line
		default:
			b, err := hex.DecodeString(line)
			require.NoError(t, err)
			im[name] = append(im[name], b...)
		}
	}
	return im
}

func TestGolden_Files(t *testing.T) {
	for name, opts := range map[string][]Option{"trailered": nil, "etcd": {WithEtcdFormat()}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".golden")
			im := goldenLog(t, opts...)
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(dump(im)), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), dump(im),
				"the format is final: run with -update only if it is meant to change")

			read := undump(t, string(want))
			require.True(t, im.equal(read), "the file says all bytes")
			written, err := readContent(im)
			require.NoError(t, err)
			got, err := readContent(read)
			require.NoError(t, err)
			require.Equal(t, written, got)
			require.Contains(t, got, `metadata "somedata"`)
		})
	}
}

// The vector of docs/FORMAT.md 4, which etcd writes too.
func TestGolden_ReferenceVector(t *testing.T) {
	want, err := hex.DecodeString("0400000000000084" + "08041000" + "00000000" +
		"1200000000000086" + "08011085d4fda0071a08736f6d6564617461" + "000000000000" +
		"0e00000000000082" + "08051080db81c1011a0408001000" + "0000")
	require.NoError(t, err)
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("somedata"), withFS(m), WithEtcdFormat(),
		WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Equal(t, want, m.image()["0000000000000000-0000000000000000.wal"],
		"and a close adds nothing")
}
