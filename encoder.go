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

// maxKeptBuffer is the size in bytes up to which a buffer is kept for the next batch.
const maxKeptBuffer = 4 << 20

// encoder builds the frames of one batch in one buffer, for one position in one segment. The check
// of a trailered frame covers the segment's number and the frame's offset, so a batch cannot be
// moved. It is not safe for concurrent use.
type encoder struct {
	at        frame.Position // where the batch begins
	crc       uint32         // the chain after the batch
	trailered bool           // the records get trailers
	flags     byte           // for the next record; cleared after it
	buf       []byte
	data      []byte // of the record appended last
	check     frame.Checker
}

// start begins a batch at p, where the chain is crc. If synced is true, its first record says that
// everything before it is on stable storage.
func (e *encoder) start(p frame.Position, crc uint32, trailered, synced bool) {
	e.at, e.crc, e.trailered, e.flags = p, crc, trailered, 0
	if synced {
		e.flags = frame.FlagSynced
	}
	e.buf = e.buf[:0]
}

// shrink gives back the memory of a large save, if little of it is still in use.
func (e *encoder) shrink() {
	if cap(e.buf) > maxKeptBuffer && len(e.buf) <= maxKeptBuffer {
		e.buf = append([]byte(nil), e.buf...)
	}
}

// end returns the offset in the segment at which the batch ends.
func (e *encoder) end() int64 { return e.at.Off + int64(len(e.buf)) }

// appendBytes appends a record with the given data. If data is nil, the record has no data field.
func (e *encoder) appendBytes(typ log.RecordType, data []byte, flags byte) {
	n := -1
	if data != nil {
		n = len(data)
	}
	start, head := e.reserve(typ, n)
	e.buf = append(e.buf, data...)
	e.finish(typ, start, head, n, flags)
}

// appendRecord appends a record of the user's. If its type can append its encoding to a slice, it
// is encoded straight into the batch. An error is that of the type; the batch is then as before.
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
	free := e.buf[payload:cap(e.buf)]
	if len(out) > 0 && len(out) <= len(free) && &out[0] == &free[0] {
		e.buf = e.buf[:payload+len(out)]
	} else {
		e.buf = append(e.buf, out...)
	}
	e.finish(typ, start, head, len(out), flags)
	return nil
}

// reserve makes room for the head of a frame with about dataLen bytes of data, and for what follows
// it. It returns where in the buffer the frame starts, and for how many bytes of head it left room.
func (e *encoder) reserve(typ log.RecordType, dataLen int) (start, head int) {
	start = len(e.buf)
	// The checksum is not known yet. Room is left for the five bytes that 15 of 16 take.
	head = frame.WordSize + walpb.RecordHeaderSize(int64(typ), math.MaxUint32, dataLen)
	room := head + walpb.TrailerSize + frame.WordSize + max(dataLen, 0)
	e.buf = slices.Grow(e.buf, room)[:start+head]
	return start, head
}

// finish writes the head before the data, into the space that was reserved for it, and the trailer
// and the padding after the data. The chain then includes the record.
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
		sparsity := frame.SparsityOf(e.buf[start:], p.Off)
		check := e.check.Sum(p, frameHead[start:], flags, sparsity, control)
		e.buf = walpb.AppendTrailer(e.buf, frame.MakeTrailer(check, flags, sparsity))
	}
	for range frame.Padding(int64(n)) {
		e.buf = append(e.buf, 0)
	}
}

// move shifts the data at the end of the batch to start at to. finish needs it if the head is a few
// bytes shorter or longer than reserve guessed.
func (e *encoder) move(to int, data []byte) []byte {
	end := to + len(data)
	e.buf = slices.Grow(e.buf, max(end-len(e.buf), 0))
	copy(e.buf[to:end], data)
	e.buf = e.buf[:end]
	return e.buf[to:]
}
