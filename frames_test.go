package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
)

// encodeOne encodes one record with the encoder under test.
func encodeOne(p frame.Position, crc uint32, trailered bool, typ log.RecordType, data []byte,
	flags byte) []byte {
	var e encoder
	e.start(p, crc, trailered, flags&frame.FlagSynced != 0)
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

func TestFrame_IsAsTheFormatSays(t *testing.T) {
	var c frame.Checker
	p := frame.Position{Seq: 3, Off: 4096}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	for _, trailered := range []bool{true, false} {
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
				got := encodeOne(p, 77, trailered, typ, d, flags)
				want := oracle.Frame{Type: int64(typ), Data: d, Trailered: trailered}
				if trailered {
					want.Flags = flags
				}
				want = chained(want, 77)
				what := fmt.Sprintf("trailered %v, %s, %d bytes of data", trailered, typ, n)
				require.True(t, bytes.Equal(want.Build(p.Seq, int(p.Off)), got), what)
				require.Zero(t, len(got)%frame.WordSize, what)

				f, err := c.ParseAt(got, p)
				require.NoError(t, err, what)
				require.Equal(t, typ, f.Type, what)
				require.Equal(t, want.CRC, f.Crc, what)
				require.Equal(t, d == nil, f.Data == nil, "%s: nil and empty are told apart", what)
				require.True(t, bytes.Equal(d, f.Data), what)
				require.Equal(t, want.Flags, f.Flags, what)
				require.Equal(t, trailered, f.HasTrailer, what)
				require.EqualValues(t, len(got), f.Size, what)
				require.Equal(t, want.CRC, f.Chain(77), what)
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

func TestFrame_EveryFlippedBitOfATraileredOneIsRefused(t *testing.T) {
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

func TestFrame_ElsewhereIsRefused(t *testing.T) {
	p := frame.Position{Seq: 2, Off: 512}
	b := encodeOne(p, 5, true, log.EntryType, []byte("data"), frame.FlagCommit)
	require.ErrorIs(t, readsBack(b, frame.Position{Seq: 2, Off: 520}, 5), frame.ErrCheck)
	require.ErrorIs(t, readsBack(b, frame.Position{Seq: 2, Off: 504}, 5), frame.ErrCheck)
	require.ErrorIs(t, readsBack(b, frame.Position{Seq: 3, Off: 512}, 5), frame.ErrCheck)
	require.ErrorIs(t, readsBack(b, frame.Position{Seq: 1 << 40, Off: 512}, 5), frame.ErrCheck)
	require.ErrorIs(t, readsBack(b, p, 6), frame.ErrChain)
}

func TestFrame_MalformedIsRefused(t *testing.T) {
	p := frame.Position{Seq: 2, Off: 512}
	good := func() []byte {
		return encodeOne(p, 0, true, log.EntryType, []byte("data"), frame.FlagCommit)
	}
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
		"other sparsity":      {func(b []byte) []byte { b[trailer+6] = 1; return b }, frame.ErrCheck},
		"no mark":             {func(b []byte) []byte { b[trailer+7] = 0; return b }, frame.ErrTrailer},
		"other mark": {func(b []byte) []byte {
			b[trailer+7] = 0x5A
			return b
		}, frame.ErrTrailer},
		"other flags": {func(b []byte) []byte { b[trailer+4] = 1; return b }, frame.ErrCheck},
		"other tag":   {func(b []byte) []byte { b[8] = 0x28; return b }, frame.ErrRecord},
		"no fields":   {func(b []byte) []byte { clear(b[8:]); return b }, frame.ErrRecord},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var check frame.Checker
			_, err := check.ParseAt(c.do(good()), p)
			require.ErrorIs(t, err, c.want)
		})
	}
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
	want := oracle.CRC(before, data) ^ crc
	// Gauss over the 32 bits of the tail: what each one changes, and with which bits.
	var basis, made [32]uint32
	base := oracle.CRC(before, data)
	for bit := range 32 {
		binary.LittleEndian.PutUint32(tail, 1<<bit)
		change, bits := oracle.CRC(before, data)^base, uint32(1)<<bit
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

// A record of a control record's form with more data than one has is none, however its check is. So
// the check, which covers that data, is never computed over much.
func TestFrame_AControlRecordHasBoundedData(t *testing.T) {
	var c frame.Checker
	p := frame.Position{Seq: 3, Off: 512}
	for n, want := range map[int]error{frame.MaxControl: nil, frame.MaxControl + 1: frame.ErrRecord,
		3000: frame.ErrRecord} {
		b := encodeOne(p, 77, true, log.CrcType, make([]byte, n), frame.FlagMask)
		_, err := c.ParseAt(b, p)
		require.Equal(t, want, err, "%d bytes", n)
		_, err = frame.OutlineOf(b[:frame.MaxHead])
		require.Equal(t, want, err, "%d bytes", n)
	}
}
