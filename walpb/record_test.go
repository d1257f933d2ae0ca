package walpb

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// encodeRecord returns a whole record, as the log composes it.
func encodeRecord(r Record) []byte {
	dataLen := -1
	if r.Data != nil {
		dataLen = len(r.Data)
	}
	b := AppendRecordHeader(nil, r.Type, r.Crc, dataLen)
	b = append(b, r.Data...)
	if r.Trailer != 0 {
		b = AppendTrailer(b, r.Trailer)
	}
	return b
}

var goldenRecords = []struct {
	name   string
	hex    string
	record Record
	header int
}{
	{"crc record of etcd's reference vector", "08041000",
		Record{Type: 4}, 4},
	{"metadata record of etcd's reference vector", "08011085d4fda0071a08736f6d6564617461",
		Record{Type: 1, Crc: 0x741f6a05, Data: []byte("somedata")}, 10},
	{"snapshot record of etcd's reference vector", "08051080db81c1011a0408001000",
		Record{Type: 5, Crc: 0x18206d80, Data: []byte{8, 0, 0x10, 0}}, 10},
	{"present but empty data", "080210001a00",
		Record{Type: 2, Data: []byte{}}, 6},
	{"trailer without data", "08041000210102030405060708",
		Record{Type: 4, Trailer: 0x0807060504030201}, 4},
	{"trailer behind data", "080210011a0161210000000000000080",
		Record{Type: 2, Crc: 1, Data: []byte("a"), Trailer: 1 << 63}, 6},
	{"largest crc", "080210ffffffff0f",
		Record{Type: 2, Crc: math.MaxUint32}, 8},
	{"negative type", "08ffffffffffffffffff011000",
		Record{Type: -1}, 13},
}

func TestRecordHasTheseBytesAndParsesBack(t *testing.T) {
	for _, tt := range goldenRecords {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			r, header, err := ParseRecord(b)
			require.NoError(t, err)
			require.Equal(t, tt.record, r)
			require.Equal(t, tt.header, header)
			require.Equal(t, tt.hex, hex.EncodeToString(encodeRecord(tt.record)))
		})
	}
}

func TestParseRecordRefusesEveryOtherEncoding(t *testing.T) {
	for _, tt := range []struct{ name, hex string }{
		{"nothing", ""},
		{"tag alone", "08"},
		{"type alone", "0804"},
		{"crc alone", "1000"},
		{"crc cut short", "080410"},
		{"fields swapped", "10000804"},
		{"data before crc", "08041a001000"},
		{"type twice", "080408041000"},
		{"crc twice", "080410001000"},
		{"data twice", "080410001a001a00"},
		{"trailer twice", "08041000210100000000000000210100000000000000"},
		{"data behind trailer", "080410002101000000000000001a00"},
		{"type of wrong wire type", "0d040000001000"},
		{"data of wrong wire type", "080410001800"},
		{"type not minimal", "0884001000"},
		{"type that overflows", "08ffffffffffffffffff021000"},
		{"crc not minimal", "0804108000"},
		{"crc of 2^32", "0804108080808010"},
		{"length not minimal", "080410001a8100ff"},
		{"length cut short", "080410001a"},
		{"length one too large", "080410001a02ff"},
		{"length of 2^63", "080410001a80808080808080808001"},
		{"length of 2^64-1", "080410001affffffffffffffffff01"},
		{"trailer cut short", "080410002101000000000000"},
		{"trailer tag alone", "0804100021"},
		{"trailer of zero", "08041000210000000000000000"},
		{"zero behind", "0804100000"},
		{"zeros as long as a trailer", "08041000000000000000000000"},
		{"unknown field", "080410002801"},
		{"group", "080410002324"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, header, err := ParseRecord(unhex(t, tt.hex))
			require.ErrorIs(t, err, ErrMalformed)
			require.Zero(t, r)
			require.Zero(t, header)
		})
	}
}

// A bit that can change without being noticed is out of reach of every checksum, whatever the
// checksum covers.
func TestParseRecordTellsEveryFlippedBitApart(t *testing.T) {
	for _, tt := range goldenRecords {
		b := unhex(t, tt.hex)
		for bit := range len(b) * 8 {
			b[bit/8] ^= 1 << (bit % 8)
			r, _, err := ParseRecord(b)
			if err == nil {
				require.NotEqual(t, tt.record, r, "%s: bit %d", tt.name, bit)
				require.Equal(t, b, encodeRecord(r), "%s: bit %d", tt.name, bit)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestParseRecordRefusesEveryPrefixButTheRecordWithoutLaterFields(t *testing.T) {
	b := unhex(t, "080210011a0161210000000000000080")
	for n := range len(b) {
		_, _, err := ParseRecord(b[:n])
		if n == 4 || n == 7 {
			require.NoError(t, err, n)
		} else {
			require.ErrorIs(t, err, ErrMalformed, n)
		}
	}
}

func TestRecordHeaderSizeIsWhatIsAppended(t *testing.T) {
	for _, typ := range []int64{0, 1, 5, 127, 128, math.MaxInt64, -1} {
		for _, crc := range []uint32{0, 127, 128, 1 << 14, 1 << 21, 1<<28 - 1, 1 << 28, math.MaxUint32} {
			for _, n := range []int{-1, 0, 1, 127, 128, 1 << 20, math.MaxInt32} {
				b := AppendRecordHeader([]byte("x"), typ, crc, n)
				require.Equal(t, byte('x'), b[0])
				require.Len(t, b[1:], RecordHeaderSize(typ, crc, n))
			}
		}
	}
	require.Len(t, AppendTrailer(nil, math.MaxUint64), TrailerSize)
}

func TestParsedDataAliasesTheInputButCannotGrowIntoIt(t *testing.T) {
	b := unhex(t, "080210011a0161210000000000000080")
	r, header, err := ParseRecord(b)
	require.NoError(t, err)
	require.Same(t, &b[header], &r.Data[0])
	_ = append(r.Data, 0xff)
	require.Equal(t, byte(0x21), b[header+1])
}

func TestRecordCodecDoesNotAllocate(t *testing.T) {
	good, bad := unhex(t, "080210011a0161210000000000000080"), unhex(t, "080210011a02")
	buf := make([]byte, 0, 64)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _, _ = ParseRecord(good)
		_, _, _ = ParseRecord(bad)
		_ = AppendTrailer(AppendRecordHeader(buf, 2, math.MaxUint32, 10), 1)
	}))
}

func FuzzParseRecord(f *testing.F) {
	for _, tt := range goldenRecords {
		f.Add(unhex(f, tt.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, header, err := ParseRecord(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.True(t, bytes.Equal(b, encodeRecord(r)))
		dataLen := -1
		if r.Data != nil {
			dataLen = len(r.Data)
		}
		require.Equal(t, RecordHeaderSize(r.Type, r.Crc, dataLen), header)
	})
}
