package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// segmentSize is the size of the segments of all logs, in bytes.
const segmentSize = 64 << 10

// entry is what is saved. All logs get the same entries.
type entry struct {
	index, term uint64
	data        []byte
}

// words returns a description of the entry, to compare what was read with what was saved.
func (e entry) words() string { return fmt.Sprintf("%d.%d %x", e.term, e.index, e.data) }

// writer is a log that is open for saving.
type writer interface {
	save(batch []entry) error // returns when it is durable
	close() error
}

// peer is one way of using one log.
type peer struct {
	name   string
	about  string
	module string
	// closes says that logs are closed before they are damaged. Otherwise they are copied while they
	// are open.
	closes   bool
	needsDir bool // create requires that the directory exists
	create   func(dir string) (writer, error)
	// read opens the log for writing and returns all entries, in words.
	read func(dir string) ([]string, error)
}

func peers() []peer {
	return []peer{ours(false), ours(true), etcd(false), etcd(true), raftWAL()}
}

// image is the files of a log, by name.
type image map[string][]byte

func loadImage(dir string) (image, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	im := image{}
	for _, f := range list {
		if strings.HasSuffix(f.Name(), ".tmp") {
			continue // it is not part of the log
		}
		if im[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			return nil, err
		}
	}
	return im, nil
}

func (im image) store(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, data := range im {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// readImage reads a log as after a restart. A panic counts as an error.
func (p peer) readImage(im image, dir string) (got []string, err error) {
	defer os.RemoveAll(dir)
	if err := im.store(dir); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(err, fmt.Errorf("panic: %v", r))
		}
	}()
	return p.read(dir)
}
