package vfs

import (
	"fmt"
	"io"
)

// copySize is how much is copied with one read, in bytes, where the system cannot do it.
const copySize = 1 << 20

// Copy copies n bytes at an offset of one file to the same offset of another. Where the system can,
// it does that by itself, and the blocks may be shared until one of the two is written to.
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
