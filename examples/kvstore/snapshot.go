package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// errNoSnapshot is returned if the log begins after a snapshot whose file is gone or damaged.
var errNoSnapshot = errors.New("the log begins at a snapshot that cannot be read; restore its " +
	"file from a backup")

// A snapshot file is one line with a checksum, and after it the table in JSON.
const (
	snapshotName   = "%016x.json"  // with the index
	snapshotHeader = "crc32c %08x" // with the checksum of what stands after the line
)

// Snapshot saves the table in a file and deletes what that makes needless: older snapshot files,
// and segments of the log that hold only older entries. It returns the snapshot's index and the
// number of segments that were deleted.
//
// The order of the steps makes it safe: a crash between any two of them leaves more files than are
// needed, and never fewer.
func (s *Store) Snapshot() (index uint64, removed int, err error) {
	s.snapshotting.Lock()
	defer s.snapshotting.Unlock()
	table := s.Table()
	if table.Index == 0 {
		return 0, 0, errors.New("the store has never held anything, so there is nothing to save")
	}
	// 1. Write the snapshot. Until the log records it, it is only a file.
	if err := writeSnapshot(s.cfg.snapshotDir(), table); err != nil {
		return 0, 0, fmt.Errorf("save snapshot: %w", err)
	}
	// 2. Record it in the log. From here on the store opens at this snapshot.
	snap := &Snapshot{Index: table.Index, Term: term}
	if err := s.log.SaveSnap(snap); err != nil {
		return 0, 0, err
	}
	// 3. Delete what is no longer needed.
	if err := s.log.Release(snap); err != nil {
		return 0, 0, err
	}
	if removed, err = s.log.Purge(); err != nil {
		return 0, removed, err
	}
	return table.Index, removed, removeOlder(s.cfg.snapshotDir(), table.Index)
}

// writeSnapshot creates the file, whole or not at all: it writes it under another name, syncs it,
// renames it, and syncs the directory.
func writeSnapshot(dir string, table Table) error {
	data, err := json.Marshal(table)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(dir)); err != nil { // dir may be new
		return err
	}
	name := filepath.Join(dir, fmt.Sprintf(snapshotName, table.Index))
	tmp := name + ".tmp"
	header := fmt.Appendf(nil, snapshotHeader+"\n", checksum(data))
	if err := writeSynced(tmp, header, data); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeSynced writes a file and returns nil once its content is on stable storage.
func writeSynced(name string, parts ...[]byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err = f.Write(p); err != nil {
			break
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// readSnapshot returns the table in a snapshot file, or an error if the file is not intact.
func readSnapshot(dir string, index uint64) (Table, error) {
	var table Table
	name := filepath.Join(dir, fmt.Sprintf(snapshotName, index))
	file, err := os.ReadFile(name)
	if err != nil {
		return table, err
	}
	header, data, _ := bytes.Cut(file, []byte("\n"))
	if string(header) != fmt.Sprintf(snapshotHeader, checksum(data)) {
		return table, fmt.Errorf("%s is damaged: its checksum is wrong", name)
	}
	if err := json.Unmarshal(data, &table); err != nil {
		return table, fmt.Errorf("%s: %w", name, err)
	}
	if table.Index != index || table.Pairs == nil {
		return table, fmt.Errorf("%s holds a snapshot at entry %d", name, table.Index)
	}
	return table, nil
}

func checksum(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}

// listSnapshots returns the names of the snapshot files, oldest first, including those that are
// only half written. The directory need not exist.
func listSnapshots(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, f := range files {
		if n := f.Name(); strings.HasSuffix(n, ".json") || strings.HasSuffix(n, ".json.tmp") {
			names = append(names, n)
		}
	}
	return names, nil
}

// removeOlder deletes all snapshot files but the one at index. That need not be durable: a file
// that a crash brings back is deleted by the next snapshot.
func removeOlder(dir string, index uint64) error {
	names, err := listSnapshots(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n == fmt.Sprintf(snapshotName, index) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, n)); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced there; a journal keeps renames in order
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
