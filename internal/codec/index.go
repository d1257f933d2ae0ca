package codec

import (
	"errors"

	"github.com/seed449c39bc/wal/log"
)

// IndexReader reads the indexes of encoded entries. It is safe for concurrent use.
type IndexReader struct {
	registry *log.Registry
	peek     log.IndexReader // nil: entries are decoded to know their index
}

// NewIndexReader makes one that decodes entries only if it has to, or always.
func NewIndexReader(reg *log.Registry, decode bool) IndexReader {
	r := IndexReader{registry: reg}
	if !decode {
		r.peek = indexReader(reg)
	}
	return r
}

// Index returns the index of an encoded entry, which is intact. It is never 0: no save takes such an
// entry, so it is the type that reads it wrongly, and the log is not damaged.
func (r IndexReader) Index(data []byte) (uint64, error) {
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
