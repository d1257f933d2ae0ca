package wal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

var update = flag.Bool("update", false, "write the golden files under testdata anew")

// goldenLog lives the life that the golden files show.
func goldenLog(t *testing.T, opts ...Option) image {
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("somedata"), append([]Option{withFS(m), WithSegmentSize(512), WithPreallocation(PreallocateNone)}, opts...)...)
	require.NoError(t, err)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Vote: 2, Commit: 1}, []log.LogEntry{entry(1, 1, "one"), entry(1, 2, "two")}))
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
			f, ok := readFrame(seg, n.seq, off)
			if !ok {
				fmt.Fprintf(&b, "\n# offset %d: not a record\n%s\n", off, hex.EncodeToString(seg[off:]))
				break
			}
			fmt.Fprintf(&b, "\n# offset %d: %s, crc %08x, data of %d bytes", off, log.RecordType(f.typ), f.crc, len(f.data))
			if f.flags&1 != 0 {
				b.WriteString(", SYNCED")
			}
			if f.flags&2 != 0 {
				b.WriteString(", COMMIT")
			}
			b.WriteByte('\n')
			for rest := seg[off : off+f.size]; len(rest) > 0; rest = rest[min(32, len(rest)):] {
				fmt.Fprintf(&b, "%s\n", hex.EncodeToString(rest[:min(32, len(rest))]))
			}
			off += f.size
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

func TestGoldenFiles(t *testing.T) {
	for name, opts := range map[string][]Option{"sealed": nil, "etcd": {WithEtcdFormat()}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".golden")
			im := goldenLog(t, opts...)
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(dump(im)), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), dump(im), "the format is final: run with -update only if it is meant to change")

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
func TestReferenceVector(t *testing.T) {
	want, err := hex.DecodeString("0400000000000084" + "08041000" + "00000000" +
		"1200000000000086" + "08011085d4fda0071a08736f6d6564617461" + "000000000000" +
		"0e00000000000082" + "08051080db81c1011a0408001000" + "0000")
	require.NoError(t, err)
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("somedata"), withFS(m), WithEtcdFormat(), WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Equal(t, want, m.image()["0000000000000000-0000000000000000.wal"], "and a close adds nothing")
}

// encodeOne encodes one record with the encoder under test.
func encodeOne(p frame.Position, crc uint32, sealed bool, typ log.RecordType, data []byte, flags byte) []byte {
	var e encoder
	e.start(p, crc, sealed, flags&frame.FlagSynced != 0)
	e.appendBytes(typ, data, flags&frame.FlagCommit)
	return e.buf
}

// sizes are lengths of data around all borders.
func sizes() []int {
	var list []int
	for n := range 41 {
		list = append(list, n)
	}
	list = append(list, 1<<21-1, 1<<21)
	for _, border := range []int{1 << 7, frame.SectorSize, 1 << 14} {
		for n := border - 40; n <= border+8; n++ {
			list = append(list, n)
		}
	}
	return list
}

func TestFramesAreAsTheFormatSays(t *testing.T) {
	var c frame.Checker
	p := frame.Position{Seq: 3, Off: 4096}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	for _, sealed := range []bool{true, false} {
		for _, typ := range []log.RecordType{log.MetadataType, log.EntryType, log.CrcType} {
			for _, n := range append(sizes(), -1) {
				if typ == log.CrcType && n > frame.MaxControl {
					continue
				}
				d := []byte(nil)
				if n >= 0 {
					d = data[:n:n]
				}
				flags := byte(n+2) & frame.FlagMask
				got := encodeOne(p, 77, sealed, typ, d, flags)
				want := plainFrame{typ: int64(typ), data: d, sealed: sealed}
				if sealed {
					want.flags = flags
				}
				want = chained(want, 77)
				what := fmt.Sprintf("sealed %v, %s, %d bytes of data", sealed, typ, n)
				require.True(t, bytes.Equal(want.build(p.Seq, int(p.Off)), got), what)
				require.Zero(t, len(got)%frame.WordSize, what)

				f, err := c.ParseAt(got, p)
				require.NoError(t, err, what)
				require.Equal(t, typ, f.Type, what)
				require.Equal(t, want.crc, f.Crc, what)
				require.Equal(t, d == nil, f.Data == nil, "%s: nil and empty are told apart", what)
				require.True(t, bytes.Equal(d, f.Data), what)
				require.Equal(t, want.flags, f.Flags, what)
				require.Equal(t, sealed, f.HasTrailer, what)
				require.EqualValues(t, len(got), f.Size, what)
				require.Equal(t, want.crc, f.Chain(77), what)
			}
		}
	}
}

// readsBack tells whether the frame is taken for one that stands at p behind crc.
func readsBack(b []byte, p frame.Position, crc uint32) error {
	t := newBytesTail(p, b, int64(len(b)), crc, true)
	_, err := t.valid()
	return err
}

func TestEveryFlippedBitOfASealedFrameIsRefused(t *testing.T) {
	p := frame.Position{Seq: 2, Off: 512}
	for _, n := range []int{-1, 0, 1, 3, 7, 8, 100, 127, 128, 600} {
		for _, typ := range []log.RecordType{log.EntryType, log.StateType, log.CrcType} {
			if typ == log.CrcType && n > frame.MaxControl {
				continue
			}
			d := []byte(nil)
			if n >= 0 {
				d = make([]byte, n)
			}
			b := encodeOne(p, 5, true, typ, d, frame.FlagCommit)
			require.NoError(t, readsBack(b, p, 5))
			for bit := range len(b) * 8 {
				b[bit/8] ^= 1 << (bit % 8)
				require.Error(t, readsBack(b, p, 5), "%s of %d bytes, bit %d", typ, n, bit)
				b[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}

func TestAFrameElsewhereIsRefused(t *testing.T) {
	p := frame.Position{Seq: 2, Off: 512}
	b := encodeOne(p, 5, true, log.EntryType, []byte("data"), frame.FlagCommit)
	require.ErrorIs(t, readsBack(b, frame.Position{Seq: 2, Off: 520}, 5), frame.ErrCheck)
	require.ErrorIs(t, readsBack(b, frame.Position{Seq: 2, Off: 504}, 5), frame.ErrCheck)
	require.ErrorIs(t, readsBack(b, frame.Position{Seq: 3, Off: 512}, 5), frame.ErrCheck)
	require.ErrorIs(t, readsBack(b, frame.Position{Seq: 1 << 40, Off: 512}, 5), frame.ErrCheck)
	require.ErrorIs(t, readsBack(b, p, 6), frame.ErrChain)
}

func TestMalformedFramesAreRefused(t *testing.T) {
	p := frame.Position{Seq: 2, Off: 512}
	good := func() []byte { return encodeOne(p, 0, true, log.EntryType, []byte("data"), frame.FlagCommit) }
	n := uint64(frame.RecordSize(binary.LittleEndian.Uint64(good())))
	trailer := int(frame.WordSize + n - 8)
	cases := map[string]struct {
		do   func(b []byte) []byte
		want error
	}{
		"zero length word":    {func(b []byte) []byte { clear(b[:8]); return b }, frame.ErrZeroWord},
		"pad of 0, bit set":   {func(b []byte) []byte { b[7] = 0x80; return b }, frame.ErrWord},
		"pad without bit":     {func(b []byte) []byte { b[7] &^= 0x80; return b }, frame.ErrWord},
		"wrong pad":           {func(b []byte) []byte { b[7] ^= 1; return b }, frame.ErrWord},
		"reserved word bit":   {func(b []byte) []byte { b[7] |= 0x40; return b }, frame.ErrWord},
		"padding not zero":    {func(b []byte) []byte { b[len(b)-1] = 1; return b }, frame.ErrPadding},
		"short":               {func(b []byte) []byte { return b[:len(b)-8] }, frame.ErrPastEnd},
		"shorter than a word": {func(b []byte) []byte { return b[:7] }, frame.ErrPastEnd},
		"nothing":             {func([]byte) []byte { return nil }, frame.ErrPastEnd},
		"unknown flag":        {func(b []byte) []byte { b[trailer+4] |= 4; return b }, frame.ErrCheck},
		"other thinness":      {func(b []byte) []byte { b[trailer+6] = 1; return b }, frame.ErrCheck},
		"no mark":             {func(b []byte) []byte { b[trailer+7] = 0; return b }, frame.ErrTrailer},
		"other mark":          {func(b []byte) []byte { b[trailer+7] = 0x5A; return b }, frame.ErrTrailer},
		"other flags":         {func(b []byte) []byte { b[trailer+4] = 1; return b }, frame.ErrCheck},
		"other tag":           {func(b []byte) []byte { b[8] = 0x28; return b }, frame.ErrRecord},
		"no fields":           {func(b []byte) []byte { clear(b[8:]); return b }, frame.ErrRecord},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var check frame.Checker
			_, err := check.ParseAt(c.do(good()), p)
			require.ErrorIs(t, err, c.want)
		})
	}
}

// hintedRecord is one that marshals in place and whose size hint is anything.
type hintedRecord struct {
	data []byte
	size int
	room int // what it allocates of its own, when not 0
}

func (a *hintedRecord) Marshal() ([]byte, error) { return a.data, nil }
func (a *hintedRecord) Unmarshal([]byte) error   { return errors.ErrUnsupported }
func (a *hintedRecord) Size() int                { return a.size }
func (a *hintedRecord) AppendBinary(b []byte) ([]byte, error) {
	if a.room > 0 {
		b = append(make([]byte, 0, a.room+len(a.data)), b...)
	}
	return append(b, a.data...), nil
}

// The head is put before data whose place was guessed: with a checksum of 1 to 5
// bytes, and a size that is right, too small, too large or nonsense.
func TestWrongGuessesOfTheHeadCostNothing(t *testing.T) {
	seen := map[int]bool{}
	for _, sealed := range []bool{true, false} {
		for _, crc := range []uint32{0, 1, 1 << 7, 1 << 14, 1 << 21, 1<<28 - 1, 1 << 28, 1<<32 - 1} {
			for _, n := range []int{0, 1, 127, 128, 129, 16383, 16384} {
				data := dataWithSum(crc, n)
				want := chained(plainFrame{typ: 2, data: data, sealed: sealed}, 9)
				if sealed {
					want.flags = frame.FlagSynced | frame.FlagCommit
				}
				if n >= 4 {
					require.Equal(t, crc, want.crc)
				}
				for _, a := range []hintedRecord{
					{size: len(data)}, {size: 0}, {size: -5}, {size: len(data) + 1}, {size: 1 << 20}, {size: 3}, {size: 200}, {size: len(data), room: 1}, {room: 1000},
				} {
					a.data = data
					var e encoder
					e.start(frame.Position{Seq: 1, Off: 64}, 9, sealed, true)
					require.NoError(t, e.appendRecord(codec.NewSavedTypes(log.NewRegistry()).Of(log.EntryType, &a), &a, frame.FlagCommit))
					require.True(t, bytes.Equal(want.build(1, 64), e.buf), "crc %08x, %d bytes, hint %d, own room %d", want.crc, n, a.size, a.room)
					require.True(t, bytes.Equal(data, e.data))
					// One more behind it, in the same batch.
					end := int(e.end())
					e.appendBytes(log.StateType, []byte("next"), 0)
					next := chained(plainFrame{typ: 3, data: []byte("next"), sealed: sealed}, want.crc)
					require.True(t, bytes.Equal(next.build(1, end), e.buf[end-64:]))
				}
				seen[walpb.RecordHeaderSize(2, want.crc, -1)] = true
			}
		}
	}
	require.Len(t, seen, 5, "every length of a checksum was met")
}

// dataWithSum returns n bytes, or fewer than 4, whose running checksum behind 9
// is crc.
func dataWithSum(crc uint32, n int) []byte {
	data := bytes.Repeat([]byte{0x35}, n)
	if n < 4 {
		return data
	}
	forge(data, n-4, 9, crc)
	return data
}

// forge sets the four bytes at an offset of data so that its CRC-32C behind another is the
// wanted one: they are searched bit by bit, because the checksum is linear in them.
func forge(data []byte, at int, before, crc uint32) {
	tail := data[at : at+4]
	clear(tail)
	want := sumOver(before, data) ^ crc
	// Gauss over the 32 bits of the tail: what each one changes, and with which bits.
	var basis, made [32]uint32
	base := sumOver(before, data)
	for bit := range 32 {
		binary.LittleEndian.PutUint32(tail, 1<<bit)
		change, bits := sumOver(before, data)^base, uint32(1)<<bit
		for b := 31; b >= 0 && change != 0; b-- {
			if change>>b&1 == 0 {
				continue
			}
			if basis[b] == 0 {
				basis[b], made[b] = change, bits
				break
			}
			change, bits = change^basis[b], bits^made[b]
		}
	}
	var bits uint32
	for b := 31; b >= 0; b-- {
		if want>>b&1 != 0 {
			want, bits = want^basis[b], bits^made[b]
		}
	}
	binary.LittleEndian.PutUint32(tail, bits)
}

// A record of a control record's form with more data than one has is none, however its check is. So the
// check, which covers that data, is never computed over much.
func TestAControlRecordHasBoundedData(t *testing.T) {
	var c frame.Checker
	p := frame.Position{Seq: 3, Off: 512}
	for n, want := range map[int]error{frame.MaxControl: nil, frame.MaxControl + 1: frame.ErrRecord, 3000: frame.ErrRecord} {
		b := encodeOne(p, 77, true, log.CrcType, make([]byte, n), frame.FlagMask)
		_, err := c.ParseAt(b, p)
		require.Equal(t, want, err, "%d bytes", n)
		_, err = frame.OutlineOf(b[:frame.MaxHead])
		require.Equal(t, want, err, "%d bytes", n)
	}
}
