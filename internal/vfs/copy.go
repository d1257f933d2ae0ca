package vfs

import (
	"fmt"
	"io"
)

// copySize is how many bytes are copied with one read if the system cannot copy by itself.
const copySize = 1 << 20

// Copy copies n bytes at offset off of one file to the same offset of another. If the system can
// copy by itself, it does: then the files may share blocks until one of the two is written to.
func Copy(to, from File, off, n int64) error {
	if done := copyRange(to, from, off, n); done > 0 {
		off, n = off+done, n-done
	}
	buf := make([]byte, min(n, copySize))
	for end := off + n; off < end; {
		b := buf[:min(int64(len(buf)), end-off)]
		if got, err := from.ReadAt(b, off); got < len(b) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read %d bytes at offset %d: %w", len(b), off, err)
		}
		if _, err := to.WriteAt(b, off); err != nil {
			return err
		}
		off += int64(len(b))
	}
	return nil
}
