package wal

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
)

// finderScene is a segment with records here and there, and between them beginnings of records that
// are none, so many that most of them have to wait.
func finderScene(rnd *rand.Rand) (seg []byte, at map[int]oracle.Frame) {
	seg = noise(3 << 20)
	for i := 64; i < len(seg)-2<<20; i += 16 {
		n := 8 + (1<<19+i%(1<<20))/16*16 + 9
		binary.LittleEndian.PutUint64(seg[i:], frame.MakeWord(int64(n)))
		copy(seg[i+8:], []byte{8, 2, 16, 0, 26, byte(n-17) | 0x80, byte((n-17)>>7) | 0x80,
			byte((n - 17) >> 14)})
	}
	for range 6 {
		off := rnd.IntN(len(seg)-1<<20) &^ 7
		f := oracle.Frame{Type: int64(log.EntryType), CRC: rnd.Uint32(),
			Data: seg[off+100 : off+100+300<<10+rnd.IntN(1<<18)], Trailered: true, Flags: byte(rnd.IntN(4))}
		copy(seg[off:], f.Written(sceneSeq, off))
	}
	return seg, recordsIn(seg)
}

// recordsIn returns the trailered records in a segment, by their offset.
func recordsIn(seg []byte) map[int]oracle.Frame {
	at := map[int]oracle.Frame{}
	for off := 0; off < len(seg); off += 8 {
		if seg[off+7]&^0x87 != 0 {
			continue // no length word
		}
		if f, ok := oracle.ReadFrame(seg, sceneSeq, off); ok && f.Trailered {
			at[off] = f
		}
	}
	return at
}

func TestFinder_TheFirstRecordIsFoundAmongBeginningsThatAreNone(t *testing.T) {
	rnd := rand.New(rand.NewPCG(12, 9)) // both flags are found, and what waits matters
	seg, at := finderScene(rnd)
	require.NotEmpty(t, at)
	for _, flags := range []byte{0, frame.FlagMask} {
		for _, from := range []int{0, len(seg)} {
			want := -1
			for off, f := range at {
				if off >= from && f.Flags&flags == flags && (want < 0 || off < want) {
					want = off
				}
			}
			f := finder{win: &window{f: endBytes{0, int64(len(seg)), seg}, size: int64(len(seg))},
				seq: sceneSeq}
			got, err := f.first(int64(from), flags)
			require.NoError(t, err)
			require.EqualValues(t, want, got, "from %d, flags %d", from, flags)
		}
	}
}

// One finder answers one question after the other, as a new one would.
func TestFinder_GoesOnBehindWhatItFound(t *testing.T) {
	seg := noise(400 << 10)
	var at []int
	sizes := map[int]int{}
	for off := 64; off < len(seg)-200<<10; {
		for i := range 40 {
			n := 8 + (1<<14+(off*i)%(1<<16))/16*16 + 9
			binary.LittleEndian.PutUint64(seg[off:], frame.MakeWord(int64(n)))
			record := binary.AppendUvarint([]byte{8, 2, 16, 0, 26}, uint64(n-17))
			copy(seg[off+frame.WordSize:], record)
			off += 24
		}
		f := oracle.Frame{Type: int64(log.EntryType), CRC: 1, Trailered: true,
			Data: noise(60 + len(at)%3*1500)} // some have to wait
		at = append(at, off)
		sizes[off] = copy(seg[off:], f.Written(sceneSeq, off))
		off += sizes[off]
	}
	for _, step := range []int{0, frame.WordSize, 10 << 10} {
		f := finder{win: &window{f: endBytes{0, int64(len(seg)), seg}, size: int64(len(seg))},
			seq: sceneSeq}
		for from, left := 0, at; ; {
			for len(left) > 0 && left[0] < from {
				left = left[1:]
			}
			got, err := f.first(int64(from), 0)
			require.NoError(t, err)
			if len(left) == 0 {
				require.EqualValues(t, -1, got, "from %d", from)
				break
			}
			require.EqualValues(t, left[0], got, "from %d", from)
			from = left[0] + max(step, sizes[left[0]])
		}
	}
}

// The outline of a frame says the same as parsing all of it, whatever byte is damaged.
func TestOutline_AgreesWithTheParsedFrame(t *testing.T) {
	var c frame.Checker
	for _, sh := range shapes() {
		for _, trailered := range []bool{true, false} {
			b := sh.frame
			b.Trailered = trailered
			whole := chained(b, sceneCRC).Written(sceneSeq, 512)
			for i := -1; i < len(whole)*8; i += 1 + len(whole)/200 {
				if i >= 0 {
					whole[i/8] ^= 1 << (i % 8)
				}
				p := frame.Position{Seq: sceneSeq, Off: 512}
				f, want := c.ParseAt(whole, p)
				o, err := frame.OutlineOf(whole[:min(len(whole), frame.MaxHead)])
				if err == nil && o.Size <= int64(len(whole)) {
					err = c.Vouch(&o, whole, whole[o.FootAt:o.Size], p)
				}
				if want == nil {
					require.NoError(t, err)
					require.Equal(t, []any{f.Type, f.Crc, f.Size, f.HasTrailer, f.Flags, f.Sparsity},
						[]any{o.Type, o.Crc, o.Size, o.HasTrailer, o.Flags, o.Sparsity})
					require.Equal(t, len(f.Data), len(o.Payload(whole)))
				} else {
					require.True(t, err != nil || o.Size > int64(len(whole)),
						"%s, trailered %v, bit %d: %v", sh.name, trailered, i, want)
				}
				if i >= 0 {
					whole[i/8] ^= 1 << (i % 8)
				}
			}
		}
	}
}

// A file of which the end was cut off after its length was taken reads as a hole there, also if the
// length is no multiple of eight: a search beside a writer that dies in the middle of a write.
func TestFinder_AHoleAtTheEndOfAnOddLengthEndsTheSearch(t *testing.T) {
	for size := int64(4096); size < 4096+9; size++ {
		for _, data := range []int64{0, 1000, 4096} {
			seg := noise(int(data))
			f := finder{win: &window{f: holeBehind{seg}, size: size}, seq: sceneSeq}
			done := make(chan int64)
			go func() {
				off, _ := f.first(8, 0)
				done <- off
			}()
			select {
			case off := <-done:
				require.EqualValues(t, -1, off)
			case <-time.After(20 * time.Second):
				require.Fail(t, "the search does not end", "%d bytes, %d of them data", size, data)
			}
		}
	}
}

// holeBehind is a file with some data, and a hole behind them.
type holeBehind struct{ data []byte }

func (h holeBehind) ReadAt(b []byte, off int64) (int, error) {
	n := copy(b, h.data[min(off, int64(len(h.data))):])
	clear(b[n:])
	return len(b), nil
}

func (h holeBehind) Data(off int64) (start, end int64, err error) {
	n := int64(len(h.data))
	return min(off, n), n, nil
}
