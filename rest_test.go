package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/internal/verdict"
	"github.com/seed449c39bc/wal/log"
)

// The table of docs/FORMAT.md 7.1 over enumerated inputs: a record of every
// shape, at every kind of place relative to the sectors, with every kind of thing
// behind it, damaged in every kind of way. Two things say what must come out: the
// oracle of internal/oracle for each of them, and for most the damage itself.

const (
	sceneSeq = 7
	sceneCRC = 0x12345678
)

// endBytes is the end of a segment: what stands from start on, and a hole behind that.
type endBytes struct {
	start, size int64
	data        []byte
}

func (e endBytes) ReadAt(b []byte, off int64) (int, error) {
	n := int(min(int64(len(b)), e.size-off))
	clear(b[:n])
	if at := off - e.start; at < int64(len(e.data)) {
		copy(b[:n], e.data[at:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (e endBytes) Data(off int64) (start, end int64, err error) {
	if end = e.start + int64(len(e.data)); off < end {
		return off, end, nil
	}
	return e.size, e.size, nil
}

// newBytesTail makes a tail of the bytes at p, and of zeros behind them up to a size.
func newBytesTail(p frame.Position, data []byte, size int64, crc uint32, trailered bool) *rest {
	end := p.Off + size
	return newRest(&window{f: endBytes{p.Off, end, data}, name: "bytes", size: end}, p, crc, trailered)
}

// shape is a record to be damaged.
type shape struct {
	name    string
	frame   oracle.Frame // without its crc
	big     bool         // spans several sectors: not every bit of it is tried
	control bool         // only in trailered segments
	madeUp  bool         // its data holds a record that says SYNCED and is right where it stands
}

// holding returns the frame at p with data that holds such a record.
func (sh shape) holding(t *testing.T, p int) oracle.Frame {
	f := sh.frame
	if !sh.madeUp {
		return f
	}
	for try := range byte(20) { // the length of the checksum decides where the data begins
		f.Data = bytes.Clone(sh.frame.Data)
		f.Data[0] = try
		q := (p + 40 + 7) &^ 7
		inner := oracle.Frame{Type: 2, Data: []byte("inside"), Trailered: true,
			Flags: 3}.Written(sceneSeq, q)
		copy(f.Data[q-p-8-2-6-3:], inner)
		s, _ := stage(f, p, true, behind[0].make)
		if _, ok := oracle.ReadFrame(s.Segment, sceneSeq, q); ok {
			return f
		}
	}
	require.FailNow(t, "it does not fit")
	return f
}

func shapes() []shape {
	entry, crc := int64(log.EntryType), int64(log.CrcType)
	noise := make([]byte, 1100)
	for i, rnd := 0, rand.New(rand.NewPCG(1, 2)); i < len(noise); i++ {
		noise[i] = byte(rnd.Uint32())
	}
	oneBit := make([]byte, 1100)
	oneBit[550] = 4
	bits := make([]byte, 1100) // one bit in whatever sectors it comes to lie in
	bits[40], bits[550], bits[1060] = 1, 128, 16
	stale := oracle.Frame{Type: entry, CRC: 5, Data: []byte("stale"), Trailered: true,
		Flags: 3}.Written(sceneSeq, 64)
	return []shape{
		{name: "small", frame: oracle.Frame{Type: entry, Data: noise[:21]}},
		{name: "padded by 7", frame: oracle.Frame{Type: entry, Data: noise[:5], Flags: 2}},
		{name: "no data", frame: oracle.Frame{Type: entry, Flags: 2}},
		{name: "empty data", frame: oracle.Frame{Type: int64(log.StateType), Data: []byte{}, Flags: 3}},
		{name: "ends in zeros",
			frame: oracle.Frame{Type: entry, Data: append([]byte("data"), make([]byte, 30)...), Flags: 2}},
		{name: "another record as data", frame: oracle.Frame{Type: entry, Data: stale, Flags: 2}},
		{name: "filler", frame: oracle.Frame{Type: crc, Flags: 3}, control: true},
		{name: "CLOSED", frame: oracle.Frame{Type: crc, Data: []byte{1}, Flags: 3}, control: true},
		{name: "TRUNCATE", frame: oracle.Frame{Type: crc, Data: []byte{2, 9, 0, 0, 0, 0, 0, 0, 0},
			Flags: 2}, control: true},
		{name: "many sectors", frame: oracle.Frame{Type: entry, Data: noise, Flags: 2}, big: true},
		{name: "many sectors of zeros",
			frame: oracle.Frame{Type: entry, Data: make([]byte, 1100), Flags: 3}, big: true},
		{name: "one bit in all", frame: oracle.Frame{Type: entry, Data: oneBit, Flags: 2}, big: true},
		{name: "a record of this place as data",
			frame: oracle.Frame{Type: entry, Data: noise[:700], Flags: 2}, big: true, madeUp: true},
		{name: "one bit a sector", frame: oracle.Frame{Type: entry, Data: bits, Flags: 2}, big: true},
	}
}

// behind are the things that can stand behind the record: made for the place
// where they stand and the chain before it.
var behind = []struct {
	name   string
	synced bool
	make   func(off int, crc uint32, trailered bool) []byte
}{
	{"nothing", false, func(int, uint32, bool) []byte { return nil }},
	{"the rest of its batch", false, func(off int, crc uint32, trailered bool) []byte {
		return chained(oracle.Frame{Type: 2, Data: []byte("more"), Trailered: trailered, Flags: 2}, crc).
			Written(sceneSeq, off)
	}},
	{"a later batch", true, func(off int, crc uint32, trailered bool) []byte {
		return chained(oracle.Frame{Type: 2, Data: []byte("later"), Trailered: trailered, Flags: 3}, crc).
			Written(sceneSeq, off)
	}},
	{"a later batch of another place", false, func(off int, crc uint32, trailered bool) []byte {
		return chained(oracle.Frame{Type: 2, Data: []byte("later"), Trailered: trailered, Flags: 3}, crc).
			Written(sceneSeq, off+8)
	}},
	{"a later batch of another segment", false, func(off int, crc uint32, trailered bool) []byte {
		return chained(oracle.Frame{Type: 2, Data: []byte("later"), Trailered: trailered, Flags: 3}, crc).
			Written(sceneSeq+1, off)
	}},
}

func chained(f oracle.Frame, before uint32) oracle.Frame {
	if f.CRC = before; f.Type != int64(log.CrcType) {
		f.CRC = oracle.CRC(before, f.Data)
	}
	return f
}

// stage puts a record into a segment at p, and what is behind it, and prepared zeros.
func stage(
	f oracle.Frame, p int, trailered bool, next func(int, uint32, bool) []byte,
) (s *oracle.Scene, size int) {
	f.Trailered = trailered
	f = chained(f, sceneCRC)
	b := f.Written(sceneSeq, p)
	seg := append(bytes.Repeat([]byte{0xEE}, p), b...)
	seg = append(seg, next(p+len(b), f.CRC, trailered)...)
	return &oracle.Scene{Segment: append(seg, make([]byte, 600)...), Seq: sceneSeq, Off: p,
		CRC: sceneCRC, Trailered: trailered}, len(b)
}

// damage is one way to damage the record of size bytes at p. rows, if any, are
// those of which one must fit when no later batch stands behind; "valid" among
// them allows that there is still a record.
type damage struct {
	name string
	rows []string
	do   func(s *oracle.Scene)
}

// damages lists what can happen to a record; last tells that nothing is behind it.
func damages(s *oracle.Scene, size int, sh shape, last bool) []damage {
	step := 1
	switch { // primes, so that they meet every bit of a byte
	case sh.big:
		step = 211
	case !last || s.Off != 504:
		step = 13
	}
	return slices.Concat(flips(s, size, step), losses(s, size), cuts(s, size, step, last),
		replacements(s, size))
}

// flips lists a flipped bit and two flipped bits, everywhere in the record.
func flips(s *oracle.Scene, size, step int) (list []damage) {
	p := s.Off
	for bit := 0; bit < size*8; bit += step {
		rows := []string{"3", "3'"}
		if !s.Trailered && bit/8 == 9 {
			rows = []string{"valid", "3'"} // nothing vouches for a plain record's type
		}
		list = append(list, damage{fmt.Sprintf("bit %d", bit), rows, func(s *oracle.Scene) {
			s.Segment[p+bit/8] ^= 1 << (bit % 8)
		}})
	}
	for i := 0; i < size; i += max(11, step/3) {
		rows := []string{"4", "5", "6", "7", "8"}
		if !s.Trailered && i == 9 {
			rows = nil
		}
		list = append(list, damage{fmt.Sprintf("two bits of byte %d", i), rows, func(s *oracle.Scene) {
			s.Segment[p+i] ^= 0x42
		}})
	}
	return list
}

// losses lists each set of the record's sectors that reads as zeros.
func losses(s *oracle.Scene, size int) (list []damage) {
	p := s.Off
	pieces := (p+size-1)/512 - p/512 + 1
	for lost := 1; lost < 1<<pieces; lost++ {
		name, rows := fmt.Sprintf("pieces %b lost", lost), []string{"valid", "2", "3", "4", "6"}
		list = append(list, damage{name, rows, func(s *oracle.Scene) {
			for i := range pieces {
				if lost>>i&1 != 0 {
					clear(s.Segment[max(p, (p/512+i)*512):min(p+size, (p/512+i+1)*512)])
				}
			}
		}})
	}
	return list
}

// cuts lists records that were written in part, and files that end in one.
func cuts(s *oracle.Scene, size, step int, last bool) (list []damage) {
	p := s.Off
	for n := 0; n < size; n += max(1, step/5) {
		rows := []string{"valid", "2", "3", "4", "6", "7"}
		if !s.Trailered || !last {
			rows = nil // no disk leaves this: it is a record cut within a sector, and none to tell where
		}
		list = append(list, damage{fmt.Sprintf("only %d bytes written", n), rows, func(s *oracle.Scene) {
			clear(s.Segment[p+n : p+size])
		}})
		rows = []string{"2", "3", "5", "4", "6"}
		if !s.Trailered || n < 8 {
			rows = nil
		}
		list = append(list,
			damage{fmt.Sprintf("file ends after %d bytes", n), rows, func(s *oracle.Scene) {
				s.Segment = s.Segment[:p+n]
			}})
	}
	return list
}

// replacements lists what can stand in the place of the record, or of its length word.
func replacements(s *oracle.Scene, size int) []damage {
	p := s.Off
	f, _ := oracle.ReadFrame(bytes.Clone(s.Segment), sceneSeq, p)
	other, kind := f, f
	other.CRC ^= 0x00ff00ff
	kind.Trailered = !kind.Trailered
	over := func(b func() []byte) func(*oracle.Scene) {
		return func(s *oracle.Scene) { copy(s.Segment[p:], b()) }
	}
	instead := func(f oracle.Frame) func(*oracle.Scene) {
		return func(s *oracle.Scene) {
			clear(s.Segment[p : p+size])
			copy(s.Segment[p:], f.Written(sceneSeq, p))
		}
	}
	return []damage{
		// a length word may have a single bit
		{"no length word", []string{"2", "3", "3'", "4"},
			over(func() []byte { return make([]byte, 8) })},
		{"length word of ones", []string{"5", "6"},
			over(func() []byte { return bytes.Repeat([]byte{0xff}, 8) })},
		{"garbage", []string{"5", "8"},
			over(func() []byte { return bytes.Repeat([]byte{0xA5, 1}, size)[:size] })},
		{"a record of another place", []string{"8", "6", "valid"},
			over(func() []byte { return f.Written(sceneSeq, p+512) })},
		{"a record of another segment", []string{"8", "6", "valid"},
			over(func() []byte { return f.Written(sceneSeq+1, p) })},
		{"another chain", []string{"8", "6"}, instead(other)},
		{"the other kind of record", []string{"valid", "8", "6", "5"}, instead(kind)},
	}
}

// verdictOf is what the row says.
func verdictOf(row string) verdict.Verdict {
	switch row {
	case "2":
		return verdict.CleanEnd
	case "3":
		return verdict.Corrected
	case "4", "5", "6", "7":
		return verdict.Torn
	}
	return verdict.Corrupt
}

// reasons are those of the rows that the verdict alone does not tell apart.
var reasons = map[string]string{
	"1":  "a later record shows that this one was on stable storage",
	"3'": "one bit of the record is flipped",
	"4":  "the length word was not written", "5": frame.ErrPastEnd.Error(),
	"6": "a sector of the record was not written", "7": "the end of the record was not written",
}

func TestVerdict_FollowsTheTable(t *testing.T) {
	// what is before p, and the record at p
	for name, kind := range map[string]struct{ before, trailered bool }{
		"trailered": {true, true}, "plain": {false, false}, "plain behind trailered": {true, false},
	} {
		trailered := kind.trailered
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := map[string]int{}
			for _, sh := range shapes() {
				if sh.control && !trailered {
					continue
				}
				at := []int{504, 512, 776, 1000}
				if sh.big {
					at = at[:2]
				}
				for _, p := range at {
					for i, b := range behind {
						if i > 2 && p != 504 || i == 1 && sh.big {
							continue // one place will do for what is no record of this one
						}
						s, size := stage(sh.holding(t, p), p, trailered, b.make)
						where := fmt.Sprintf("%s at %d, behind it %s: ", sh.name, p, b.name)
						all := damages(s, size, sh, b.name == "nothing")
						s.Trailered = kind.before
						if sh.madeUp {
							for i := range all { // it counts where the length is in doubt: the oracle knows
								if all[i].rows != nil {
									all[i].rows = append(all[i].rows, "1")
								}
							}
						}
						judgeAll(t, rows, s, all, b.synced && trailered, where)
					}
				}
			}
			t.Log("scenes by row:", rows)
			for _, row := range []string{"1", "2", "3", "3'", "4", "5", "6", "7", "8"} {
				possible := kind.before || row != "1" && row != "7"
				require.Equal(t, possible, rows[row] > 0, "row %s", row)
			}
		})
	}
}

// judgeAll damages a scene in every way and judges it.
func judgeAll(
	t *testing.T, rows map[string]int, s *oracle.Scene, all []damage, synced bool, where string,
) {
	orig := s.Segment
	f, whole := oracle.ReadFrame(orig, s.Seq, s.Off)
	for _, d := range all {
		s.Segment = bytes.Clone(orig)
		d.do(s)
		what := where + d.name
		if _, valid := s.ValidAt(); valid {
			require.True(t, d.rows == nil || d.rows[0] == "valid" || bytes.Equal(s.Segment, orig),
				"%s: this damage cannot go unseen", what)
			continue // nothing to judge: there is a record
		}
		row, bit := s.Row()
		rows[row]++
		switch {
		case whole && !f.Trailered && s.Trailered && row == "4" &&
			oracle.IsZero(s.Segment[s.Off:s.Off+8]):
			// It could be a trailered one without its length word.
		case synced && len(s.Segment) == len(orig):
			require.Equal(t, "1", row, what)
		case d.rows != nil && !synced:
			require.Contains(t, d.rows, row, what)
		}
		was := bytes.Clone(s.Segment)
		got, gotBit, err := newBytesTail(frame.Position{Seq: sceneSeq, Off: int64(s.Off)},
			s.Segment[s.Off:], int64(len(s.Segment)-s.Off), s.CRC, s.Trailered).verdict()
		require.NoError(t, err, what)
		require.Equal(t, verdictOf(row), got.Verdict, "%s: row %s, got %+v", what, row, got)
		require.EqualValues(t, bit, gotBit, "%s: row %s", what, row)
		if want, ok := reasons[row]; ok {
			require.Equal(t, want, got.Reason, what)
		}
		require.NotEmpty(t, got.Verdict == verdict.CleanEnd || got.Reason != "", what)
		require.Equal(t, was, s.Segment, "%s: judging changed the bytes", what)
	}
}

// Every bit of every shape, header, data, trailer and padding, is found again.
func TestVerdict_FindFlipFindsEverySingleBit(t *testing.T) {
	for _, trailered := range []bool{true, false} {
		for _, sh := range shapes() {
			if sh.control && !trailered {
				continue
			}
			for _, p := range []int{0, 504} {
				s, size := stage(sh.frame, p, trailered, behind[1].make)
				for bit := range int64(size * 8) {
					data := bytes.Clone(s.Segment[p:])
					data[bit/8] ^= 1 << (bit % 8)
					tail := newBytesTail(frame.Position{Seq: sceneSeq, Off: int64(p)}, data, int64(len(data)),
						s.CRC, trailered)
					if _, err := tail.valid(); err == nil && !trailered && bit/8 == 9 {
						continue // nothing vouches for a plain record's type
					}
					got, ok := tail.findFlip()
					require.True(t, ok, "%s at %d, trailered %v: bit %d is not found", sh.name, p, trailered, bit)
					require.Equal(t, bit, got, "%s at %d, trailered %v", sh.name, p, trailered)
				}
			}
		}
	}
}

func TestVerdict_FlippedBitAgainstBruteForce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for n := range 70 {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		before := rnd.Uint32()
		sum := oracle.CRC(before, data)
		bits := map[uint32]int64{} // what each flip changes
		for bit := range int64(n * 8) {
			data[bit/8] ^= 1 << (bit % 8)
			bits[oracle.CRC(before, data)^sum] = bit
			data[bit/8] ^= 1 << (bit % 8)
		}
		require.Len(t, bits, n*8, "two flips change the checksum alike")
		for diff, want := range bits {
			got, ok := crc32c.FlippedBit(diff, int64(n))
			require.True(t, ok, "n %d, bit %d", n, want)
			require.Equal(t, want, got, "n %d", n)
			for _, other := range []uint32{diff ^ 1<<(rnd.Uint32()%32), rnd.Uint32(), diff << 1, diff >> 1} {
				want, is := bits[other]
				got, ok := crc32c.FlippedBit(other, int64(n))
				require.Equal(t, is, ok && other != 0, "n %d, difference %08x", n, other)
				if is {
					require.Equal(t, want, got)
				}
			}
		}
	}
}

// Whether zeros at the end of a file are written or a hole does not change the judgement.
func TestVerdict_DoesNotNeedTheZerosAtTheEnd(t *testing.T) {
	for _, sh := range shapes() {
		for _, trailered := range []bool{true, false} {
			s, size := stage(sh.frame, 520, trailered, behind[0].make)
			for _, bit := range []int{0, 5, 64, size*4 + 1, size*8 - 70} {
				s.Segment[s.Off+bit/8] ^= 1 << (bit % 8)
				whole, _, err := newBytesTail(frame.Position{Seq: sceneSeq, Off: 520}, s.Segment[520:],
					int64(len(s.Segment)-520), s.CRC, trailered).verdict()
				require.NoError(t, err)
				short, _, err := newBytesTail(frame.Position{Seq: sceneSeq, Off: 520},
					trimZeros(s.Segment[520:]), int64(len(s.Segment)-520), s.CRC, trailered).verdict()
				require.NoError(t, err)
				s.Segment[s.Off+bit/8] ^= 1 << (bit % 8)
				require.Equal(t, whole, short, "%s, trailered %v, bit %d", sh.name, trailered, bit)
			}
		}
	}
}

// A length that claims more than the file holds is only ever a number.
func TestVerdict_OnHugeLengths(t *testing.T) {
	for shift := range 64 {
		data := make([]byte, 64)
		data[40] = 1
		binary.LittleEndian.PutUint64(data, 1<<shift)
		for _, trailered := range []bool{true, false} {
			s := oracle.Scene{Segment: data, Seq: sceneSeq, CRC: sceneCRC, Trailered: trailered}
			row, _ := s.Row()
			got, _, err := newBytesTail(frame.Position{Seq: sceneSeq}, data, int64(len(data)), sceneCRC,
				trailered).verdict()
			require.NoError(t, err)
			require.Equal(t, verdictOf(row), got.Verdict, "length word 1<<%d: row %s, got %+v", shift, row,
				got)
		}
	}
}

// A torn record that lost a sector can look, by chance, as if one bit of its data were
// flipped, be it elsewhere or in that very sector. Here the chance is made. Its sparsity
// shows it for what it is: torn, in whatever sector, and whatever else in it is thin.
func TestVerdict_ALostSectorIsNotTakenForAFlippedBit(t *testing.T) {
	const (
		p    = 512    // the frame begins at a sector
		at   = p + 19 // and its data here, with a checksum of five bytes
		size = 2048
		lost = 1024 - at // the sector that is lost begins here in the data
		poor = 2048 - at // this one may be thin
	)
	for name, c := range map[string]struct{ bit, poor int }{ // poor: -1 for a sector like the others
		"bit elsewhere":                               {bit: 1300, poor: -1},
		"bit in the lost sector":                      {bit: lost + 200, poor: -1},
		"bit elsewhere, another sector zero":          {bit: 1300, poor: 0},
		"bit elsewhere, another sector thin":          {bit: 1300, poor: 4},
		"bit in the lost sector, another sector zero": {bit: lost + 200, poor: 0},
		"bit in the lost sector, another sector thin": {bit: lost + 200, poor: 128},
		"bit in a thin sector":                        {bit: poor + 100, poor: 128},
	} {
		t.Run(name, func(t *testing.T) {
			data, rnd := make([]byte, size), rand.New(rand.NewPCG(5, 6))
			for i := range data {
				data[i] = byte(rnd.Uint32())
			}
			if c.poor >= 0 {
				clear(data[poor : poor+frame.SectorSize])
				data[poor+100] = byte(c.poor)
			}
			seen := bytes.Clone(data)
			clear(seen[lost : lost+frame.SectorSize])
			asIfFlipped := bytes.Clone(seen)
			asIfFlipped[c.bit] ^= 8
			forge(data, lost+100, sceneCRC, oracle.CRC(sceneCRC, asIfFlipped))

			s, _ := stage(oracle.Frame{Type: int64(log.EntryType), Data: data, Flags: 2}, p, true,
				behind[0].make)
			require.Equal(t, data, s.Segment[at:at+size])
			copy(s.Segment[at:], seen)
			bit, ok := crc32c.FlippedBit(oracle.CRC(sceneCRC, seen)^oracle.CRC(sceneCRC, data), size)
			require.True(t, ok && bit == int64(c.bit)*8+3, "the chance was not made")
			row, _ := s.Row()
			require.Equal(t, "6", row)
			got, _, err := newBytesTail(frame.Position{Seq: sceneSeq, Off: p}, s.Segment[p:],
				int64(len(s.Segment)-p), sceneCRC, true).verdict()
			require.NoError(t, err)
			require.Equal(t, verdict.Torn, got.Verdict)
		})
	}
}
