package wal

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// maxKeptBuffer is how large a batch buffer may be, in bytes, to be kept for the next batch.
const maxKeptBuffer = 4 << 20

// encoder builds the frames of one batch, in place, for one spot in one
// segment: a sealed frame's check covers its offset and the segment's number,
// so a batch cannot be moved. It is not safe for concurrent use.
type encoder struct {
	at        frame.Position // where the batch begins
	crc       uint32         // running checksum, the batch included
	trailered bool
	flags     byte // for the next record; cleared after it
	buf       []byte
	data      []byte // of the record appended last
	check     frame.Checker
}

// start begins a batch at p. The chain goes on from crc. With synced the first
// record says that everything before it is on stable storage.
func (e *encoder) start(p frame.Position, crc uint32, sealed, synced bool) {
	e.at, e.crc, e.trailered, e.flags = p, crc, sealed, 0
	if synced {
		e.flags = frame.FlagSynced
	}
	e.buf = e.buf[:0]
}

// shrink gives the memory of a large save back, when what is left in the buffer is little.
func (e *encoder) shrink() {
	if cap(e.buf) > maxKeptBuffer && len(e.buf) <= maxKeptBuffer {
		e.buf = append([]byte(nil), e.buf...)
	}
}

// end is where the batch ends in its segment.
func (e *encoder) end() int64 { return e.at.Off + int64(len(e.buf)) }

// appendBytes appends a record with the given data; nil data is left out.
func (e *encoder) appendBytes(typ log.RecordType, data []byte, flags byte) {
	n := -1
	if data != nil {
		n = len(data)
	}
	start, head := e.reserve(typ, n)
	e.buf = append(e.buf, data...)
	e.finish(typ, start, head, n, flags)
}

// appendRecord appends a record of the user's, marshalled straight into the
// batch if its type can do that.
func (e *encoder) appendRecord(t *codec.SavedType, rec log.RecordData, flags byte) error {
	typ := t.Kind
	if !t.Appends {
		data, err := t.Marshal(rec)
		if err != nil {
			return err
		}
		e.appendBytes(typ, data, flags)
		return nil
	}
	start, head := e.reserve(typ, codec.SizeHint(rec))
	payload := start + head
	// The appender gets an empty slice over the free space, so that it cannot
	// reach what is already in the batch.
	out, err := t.AppendTo(e.buf[payload:payload], rec)
	if err != nil {
		e.buf = e.buf[:start]
		return err
	}
	if free := e.buf[payload:cap(e.buf)]; len(out) > 0 && len(out) <= len(free) && &out[0] == &free[0] {
		e.buf = e.buf[:payload+len(out)]
	} else {
		e.buf = append(e.buf, out...)
	}
	e.finish(typ, start, head, len(out), flags)
	return nil
}

// reserve makes room for the head of a frame with about dataLen bytes of data.
// It returns where the frame starts and how long a head it made room for.
func (e *encoder) reserve(typ log.RecordType, dataLen int) (start, head int) {
	start = len(e.buf)
	// The checksum is not known yet; fifteen in sixteen take five bytes.
	head = frame.WordSize + walpb.RecordHeaderSize(int64(typ), math.MaxUint32, dataLen)
	room := head + walpb.TrailerSize + frame.WordSize + max(dataLen, 0)
	e.buf = slices.Grow(e.buf, room)[:start+head]
	return start, head
}

// finish puts the head before the data that follows the reserved space, and
// trailer and padding behind it.
func (e *encoder) finish(typ log.RecordType, start, head, dataLen int, flags byte) {
	data := e.buf[start+head:]
	if typ != log.CrcType {
		e.crc = crc32c.Update(e.crc, data)
	}
	header := walpb.RecordHeaderSize(int64(typ), e.crc, dataLen)
	if frame.WordSize+header != head {
		data = e.move(start+frame.WordSize+header, data)
	}
	e.data = data
	n := header + len(data)
	if e.trailered {
		n += walpb.TrailerSize
	}
	frameHead := binary.LittleEndian.AppendUint64(e.buf[:start], frame.MakeWord(int64(n)))
	frameHead = walpb.AppendRecordHeader(frameHead, int64(typ), e.crc, dataLen)
	if e.trailered {
		flags |= e.flags
		e.flags = 0
		var control []byte
		if typ == log.CrcType {
			control = data
		}
		p := frame.Position{Seq: e.at.Seq, Off: e.at.Off + int64(start)}
		thin := frame.SparsityOf(e.buf[start:], p.Off)
		check := e.check.Sum(p, frameHead[start:], flags, thin, control)
		e.buf = walpb.AppendTrailer(e.buf, frame.MakeTrailer(check, flags, thin))
	}
	for range frame.Padding(int64(n)) {
		e.buf = append(e.buf, 0)
	}
}

// move shifts the data at the end of the batch to a new start; the guess of
// the head's length was off by a few bytes.
func (e *encoder) move(to int, data []byte) []byte {
	end := to + len(data)
	e.buf = slices.Grow(e.buf, max(end-len(e.buf), 0))
	copy(e.buf[to:end], data)
	e.buf = e.buf[:end]
	return e.buf[to:]
}
