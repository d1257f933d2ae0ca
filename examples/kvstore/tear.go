package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"github.com/seed449c39bc/wal"
)

const sector = 512 // bytes that a disk writes as one

// tear leaves behind the log what a power cut in the middle of a save leaves. A
// kill alone rarely does: what a process has written stays in the system's cache. Of
// the save's first record only one sector has reached the disk, the rest is still zero.
// It returns false if the kill has torn the log already.
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
	// Behind the last record there are zeros only, and records begin at multiples of 8.
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
