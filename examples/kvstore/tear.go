package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"github.com/seed449c39bc/wal"
)

const sector = 512 // the size in bytes of what a disk writes whole or not at all

// tear simulates a power cut in the middle of a save: after the end of the log it writes the first
// sector of the save's first record, and leaves zeros for the rest. A kill alone rarely leaves
// that, because what a process has written stays in the system's cache. tear returns false, and
// does nothing, if the kill has torn the log already.
func tear(cfg Config) (done bool, err error) {
	report, err := wal.Verify(nil, cfg.logDir(), cfg.options()...)
	if err != nil || report.Torn != nil {
		return false, err
	}
	segments, err := filepath.Glob(filepath.Join(cfg.logDir(), "*.wal"))
	if err != nil || len(segments) == 0 {
		return false, errors.Join(err, wal.ErrNotFound)
	}
	last := segments[len(segments)-1]
	data, err := os.ReadFile(last)
	if err != nil {
		return false, err
	}
	// After the last record there are only zeros, and records begin at multiples of 8.
	end := (len(bytes.TrimRight(data, "\x00")) + 7) / 8 * 8
	length := 4 * sector
	piece := binary.LittleEndian.AppendUint64(nil, uint64(length))
	for (end+len(piece))%sector != 0 {
		piece = append(piece, 'x')
	}
	f, err := os.OpenFile(last, os.O_WRONLY, 0)
	if err != nil {
		return false, err
	}
	_, err = f.WriteAt(piece, int64(end))
	return true, errors.Join(err, f.Sync(), f.Close())
}
