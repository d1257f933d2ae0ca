package wal_test

import (
	"encoding/binary"
	"testing"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// bareLog writes the frames of a log, and does nothing else that a log does: no locks, no index, no
// readers, no callers that wait, one type of entry. It shows what the format and the kernel cost.
type bareLog struct {
	f    vfs.File
	sum  frame.Checker
	crc  uint32
	off  int64 // of buf
	buf  []byte
	size int64
}

func newBareLog(b *testing.B) *bareLog {
	dir, err := vfs.OS{}.OpenDir(b.TempDir())
	check(b, err)
	f, err := dir.CreateLocked("bare")
	check(b, err)
	b.Cleanup(func() { check(b, f.Close()); check(b, dir.Close()) })
	l := &bareLog{f: f, size: wal.DefaultSegmentSize}
	check(b, f.Reserve(l.size))
	return l
}

// add appends the frame of an entry to buf.
func (l *bareLog) add(e *walpb.Entry) {
	if l.off+int64(len(l.buf)) > l.size-int64(len(e.Data))-512 {
		l.off = 0 // over the same space again
	}
	n := e.Size()
	start := len(l.buf)
	var data [512]byte
	body, _ := e.AppendBinary(data[:0])
	l.crc = crc32c.Update(l.crc, body)
	size := int64(walpb.RecordHeaderSize(int64(log.EntryType), l.crc, n) + n + walpb.TrailerSize)
	l.buf = binary.LittleEndian.AppendUint64(l.buf, frame.MakeWord(size))
	l.buf = walpb.AppendRecordHeader(l.buf, int64(log.EntryType), l.crc, n)
	head := l.buf[start:]
	l.buf = append(l.buf, body...)
	p := frame.Position{Off: l.off + int64(start)}
	check := l.sum.Sum(p, head, frame.FlagCommit, 0, nil)
	l.buf = walpb.AppendTrailer(l.buf, frame.MakeTrailer(check, frame.FlagCommit, 0))
	for range frame.Padding(size) {
		l.buf = append(l.buf, 0)
	}
}

// write writes buf at its place.
func (l *bareLog) write(b *testing.B) {
	_, err := l.f.WriteAt(l.buf, l.off)
	check(b, err)
	l.off += int64(len(l.buf))
	l.buf = l.buf[:0]
}

// BenchmarkBareSaveNoSync is BenchmarkSaveNoSync without a log: a frame and a write for each save.
func BenchmarkBareSaveNoSync(b *testing.B) {
	l, e := newBareLog(b), &walpb.Entry{Term: 1, Data: make([]byte, 256)}
	b.SetBytes(256)
	for b.Loop() {
		e.Index++
		l.add(e)
		l.write(b)
	}
}

// BenchmarkBareAppend is BenchmarkAppend without a log: a frame for each save, and a write and a
// sync for every megabyte.
func BenchmarkBareAppend(b *testing.B) {
	l, e := newBareLog(b), &walpb.Entry{Term: 1, Data: make([]byte, 256)}
	b.SetBytes(256)
	for b.Loop() {
		e.Index++
		if l.add(e); len(l.buf) >= 1<<20 {
			l.write(b)
			check(b, l.f.Datasync())
		}
	}
	l.write(b)
}
