package frame

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// usualRecords are records of many shapes, some of which parseUsual does not take.
func usualRecords() (records [][]byte) {
	for _, size := range []int{-1, 0, 1, 127, 128, 300, 16383, 16384, 70000} {
		for _, crc := range []uint32{0, 1, 127, 128, 1 << 14, 1 << 21, 1<<28 - 1, 1 << 28, 1<<32 - 1} {
			for _, typ := range []int64{1, 2, 5, 127, 128, 1 << 40} {
				b := walpb.AppendRecordHeader(nil, typ, crc, size)
				for i := range max(size, 0) {
					b = append(b, byte(i*7))
				}
				records = append(records, b, walpb.AppendTrailer(b[:len(b):len(b)], MakeTrailer(crc, 3, 9)))
			}
		}
	}
	return records
}

// agree compares parseUsual with ParseRecord, and reports whether parseUsual took the record.
func agree(t require.TestingT, b []byte) bool {
	var f Frame
	header, trailer, ok := f.parseUsual(b)
	if !ok {
		return false
	}
	r, n, err := walpb.ParseRecord(b)
	require.NoError(t, err, "%x", b)
	require.Equal(t, n, header)
	require.Equal(t, r.Trailer, trailer)
	require.Equal(t, log.RecordType(r.Type), f.Type)
	require.Equal(t, r.Crc, f.Crc)
	require.Equal(t, r.Data, f.Data)
	require.Equal(t, cap(r.Data), cap(f.Data))
	return true
}

func TestUsual_RecordsAreParsedAsOthersAre(t *testing.T) {
	taken := 0
	for _, b := range usualRecords() {
		if agree(t, b) {
			taken++
		}
	}
	require.Equal(t, 6*9*4, taken, "those with a trailer, a type of one byte and a usual size")
}

// A byte that changed makes a record that both read alike, or that only ParseRecord may accept.
func TestUsual_DamagedRecordsAreParsedAsOthersAre(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 3))
	for _, b := range usualRecords() {
		if len(b) > 400 {
			continue
		}
		for i := range min(len(b), 14) {
			for range 40 {
				c := append([]byte(nil), b...)
				c[i] = byte(rnd.Uint32())
				agree(t, c)
				agree(t, c[:rnd.IntN(len(c)+1)])
			}
		}
	}
}

func FuzzUsual(f *testing.F) {
	for _, b := range usualRecords() {
		if len(b) < 400 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { agree(t, b) })
}
