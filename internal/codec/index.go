package codec

import (
	"errors"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// IndexReader reads the indexes of encoded entries. It is safe for concurrent use.
type IndexReader struct {
	registry *log.Registry
	peek     log.IndexReader // nil: entries are decoded to learn their index
	plain    *walpb.Entry    // peek, if it is one: its methods do not panic
}

// NewIndexReader returns an IndexReader. With decode it decodes every entry, else only those of
// types that have no ReadIndex.
func NewIndexReader(reg *log.Registry, decode bool) IndexReader {
	r := IndexReader{registry: reg}
	if !decode {
		r.peek = indexReader(reg)
		r.plain, _ = r.peek.(*walpb.Entry)
	}
	return r
}

// Index returns the index of an encoded entry, which is intact. Index 0 is an ErrDecode: no save
// takes such an entry, so the type reads it wrongly, and the log is not damaged.
func (r *IndexReader) Index(data []byte) (uint64, error) {
	if r.plain != nil {
		if i, err := r.plain.ReadIndex(data); err == nil && i > 0 {
			return i, nil
		}
	}
	if r.peek != nil {
		i, err := readIndex(r.peek, data)
		if err == nil && i == 0 {
			err = DecodeError(r.peek, log.EntryType, data, errIndexZero)
		}
		return i, err
	}
	ent, i, err := decodeEntry(r.registry, data)
	if err == nil && i == 0 {
		err = DecodeError(ent, log.EntryType, data, errIndexZero)
	}
	return i, err
}

var errIndexZero = errors.New("it is read with index 0, which no entry has")
