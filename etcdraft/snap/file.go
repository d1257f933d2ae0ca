package snap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// A file has
//
//	magic      8 bytes
//	head       a chunk: the snapshot's SnapshotMetadata, as raftpb encodes it
//	data       chunks of at most chunkSize bytes
//	end        an empty chunk
//
// and a chunk has its length and the checksum after it, four bytes each, little endian, and its
// bytes. The checksum is the CRC-32C of all that the chunks up to it hold, lengths included. So a
// chunk is verified before it is handed out, and a file that was cut off has no end.
const (
	magic     = "walsnap\x01"
	chunkSize = 256 << 10
	chunkHead = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum goes on with a checksum over a chunk.
func sum(before uint32, chunk []byte) uint32 {
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(chunk)))
	return crc32.Update(crc32.Update(before, castagnoli, length[:]), castagnoli, chunk)
}

// fill writes a whole snapshot to out.
func fill(out io.Writer, m Meta, write func(io.Writer) error) error {
	head, err := proto.Marshal(&raftpb.SnapshotMetadata{
		ConfState: m.ConfState, Index: &m.Index, Term: &m.Term,
	})
	if err != nil {
		return err
	}
	if len(head) > chunkSize {
		return fmt.Errorf("%d bytes of metadata, at most %d are possible", len(head), chunkSize)
	}
	if _, err := io.WriteString(out, magic); err != nil {
		return err
	}
	w := &writer{to: out, buf: make([]byte, chunkHead, chunkHead+chunkSize)}
	w.buf = append(w.buf, head...)
	if err := w.flush(); err != nil {
		return err
	}
	if err := write(w); err != nil {
		return err
	}
	return w.end()
}

// writer writes a snapshot's data in chunks.
type writer struct {
	to  io.Writer
	crc uint32
	buf []byte // the chunk that is being filled, with room for its head
	err error  // the first one; nothing is written after it
}

// Write implements io.Writer.
func (w *writer) Write(b []byte) (n int, err error) {
	for len(b) > 0 && w.err == nil {
		k := min(len(b), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, b[:k]...)
		b, n = b[k:], n+k
		if len(w.buf) == cap(w.buf) {
			w.flush()
		}
	}
	return n, w.err
}

// flush writes the chunk that is being filled, even an empty one.
func (w *writer) flush() error {
	if w.err != nil {
		return w.err
	}
	chunk := w.buf[chunkHead:]
	w.crc = sum(w.crc, chunk)
	binary.LittleEndian.PutUint32(w.buf, uint32(len(chunk)))
	binary.LittleEndian.PutUint32(w.buf[4:], w.crc)
	_, w.err = w.to.Write(w.buf)
	w.buf = w.buf[:chunkHead]
	return w.err
}

// end writes what is left, and the end.
func (w *writer) end() error {
	if len(w.buf) > chunkHead {
		w.flush()
	}
	return w.flush()
}

// Reader reads the data of a snapshot and verifies it. It is not safe for concurrent use.
type Reader struct {
	meta Meta
	size int64
	file io.Closer // nil: it reads a stream
	from io.Reader // nil: all is in left
	crc  uint32
	buf  []byte
	left []byte // verified and not yet read
	err  error  // what comes after left
}

// openFile returns a Reader of a file.
func openFile(f vfs.File) (*Reader, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	r, err := newReader(io.NewSectionReader(f, 0, size))
	if err != nil {
		return nil, err
	}
	r.file, r.size = f, size
	return r, nil
}

// newReader returns a Reader of what fill has written.
func newReader(from io.Reader) (*Reader, error) {
	r := &Reader{from: from}
	var begin [len(magic)]byte
	if _, err := io.ReadFull(from, begin[:]); err != nil {
		return nil, cut(err)
	}
	if string(begin[:]) != magic {
		return nil, corrupt("it does not begin as one")
	}
	if r.next(); r.err == io.EOF {
		return nil, corrupt("it has no metadata")
	} else if r.err != nil {
		return nil, r.err
	}
	var m raftpb.SnapshotMetadata
	if err := proto.Unmarshal(bytes.Clone(r.left), &m); err != nil {
		return nil, corrupt("its metadata cannot be decoded: " + err.Error())
	}
	r.left = nil
	r.meta = Meta{Index: m.GetIndex(), Term: m.GetTerm(), ConfState: m.ConfState}
	return r, nil
}

// corrupt returns the error for damage.
func corrupt(what string) error { return fmt.Errorf("%w: %s", ErrCorrupt, what) }

// cut returns the error for a read that failed: what ends too early is damaged, and any other error
// is one of reading.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return corrupt("it ends too early")
	}
	return err
}

// next reads the next chunk into left. At the end it sets err to io.EOF.
func (r *Reader) next() {
	var head [chunkHead]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		r.err = cut(err)
		return
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > chunkSize {
		r.err = corrupt("the length of a part is damaged")
		return
	}
	if cap(r.buf) < int(n) {
		r.buf = make([]byte, n, chunkSize)
	}
	r.buf = r.buf[:n]
	if _, err := io.ReadFull(r.from, r.buf); err != nil {
		r.err = cut(err)
		return
	}
	r.crc = sum(r.crc, r.buf)
	switch {
	case r.crc != binary.LittleEndian.Uint32(head[4:]):
		r.err = corrupt("a checksum does not match")
	case n == 0:
		r.err = io.EOF
	default:
		r.left = r.buf
	}
}

// Read implements io.Reader. Its error is an ErrCorrupt where the snapshot does not hold what was
// written; what was read before is right, and io.EOF says that all was read.
func (r *Reader) Read(b []byte) (int, error) {
	for len(r.left) == 0 && r.err == nil {
		r.next()
	}
	if len(r.left) == 0 {
		return 0, r.err
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	return n, nil
}

// Meta returns what the snapshot says of itself.
func (r *Reader) Meta() Meta { return r.meta }

// Size returns the length of the file in bytes: the data has hardly less.
func (r *Reader) Size() int64 { return r.size }

// Close gives up the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
