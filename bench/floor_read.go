package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// readPiece is how many bytes the bare read reads at once.
const readPiece = 64 << 10

func bareRead() contender {
	return contender{
		name: nameBareRead,
		about: "reading only: length, CRC-32C and bytes, read from one file in pieces of 64 KiB and " +
			"checked; its memory is what this program takes without any log; " +
			"a single entry is read with one pread of exactly its bytes into a buffer that is used " +
			"again, and checked",
		floor:      true,
		solo:       true,
		open:       openBareFile,
		replay:     replayBareFile,
		openReader: readBareFile,
		reopen:     reopenBareFile,
	}
}

func bareFile(dir string) string { return filepath.Join(dir, "bare") }

// bareHead is the size of a frame's length and checksum, in bytes.
const bareHead = 8

// openBareFile opens a store that writes what replayBareFile reads. It does not sync.
func openBareFile(dir string, c config) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(bareFile(dir))
	if err != nil {
		return nil, err
	}
	batch := bytes.Repeat(bareFrame(c.data()), c.batch*c.writers)
	save := func() error {
		_, err := f.Write(batch)
		return err
	}
	return &store{writer: func() func() error { return save }, close: f.Close}, nil
}

// bareFrame returns a frame: the length of the data, its checksum, and the data.
func bareFrame(data []byte) []byte {
	head := binary.LittleEndian.AppendUint32(make([]byte, 0, bareHead+len(data)), uint32(len(data)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(data, castagnoli))
	return append(head, data...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func replayBareFile(dir string, keep bool) (tally, error) {
	g := gathering[[]byte]{keep: keep}
	f, err := os.Open(bareFile(dir))
	if err != nil {
		return g.tally, err
	}
	r := bufio.NewReaderSize(f, readPiece)
	var head [bareHead]byte
	var data []byte
	for {
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			return g.tally, f.Close()
		} else if err != nil {
			return g.tally, closing(err, f)
		}
		if n := int(binary.LittleEndian.Uint32(head[:])); keep || n > cap(data) {
			data = make([]byte, n)
		} else {
			data = data[:n]
		}
		if _, err := io.ReadFull(r, data); err != nil {
			return g.tally, closing(err, f)
		}
		if err := checkBare(head[:], data); err != nil {
			return g.tally, closing(fmt.Errorf("%s: entry %d: %w", f.Name(), g.Entries+1, err), f)
		}
		g.add(data, len(data))
	}
}

// checkBare returns an error if the data does not match the checksum in its head.
func checkBare(head, data []byte) error {
	if n := binary.LittleEndian.Uint32(head); int(n) != len(data) {
		return fmt.Errorf("%d bytes where there are %d", n, len(data))
	}
	if crc32.Checksum(data, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return errors.New("wrong checksum")
	}
	return nil
}

// readBareFile returns a reader of frames that are all as long as the first one, so no index is
// needed to find them.
func readBareFile(dir string) (*reader, error) {
	f, err := os.Open(bareFile(dir))
	if err != nil {
		return nil, err
	}
	var head [bareHead]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, closing(err, f)
	}
	frame := make([]byte, bareHead+binary.LittleEndian.Uint32(head[:]))
	read := func(index uint64) ([]byte, error) {
		if index == 0 {
			return nil, fmt.Errorf("%s: no entry 0", f.Name())
		}
		if _, err := f.ReadAt(frame, int64(index-1)*int64(len(frame))); err != nil {
			return nil, err
		}
		return frame[bareHead:], checkBare(frame[:bareHead], frame[bareHead:])
	}
	return &reader{read: read, close: f.Close}, nil
}

func reopenBareFile(dir string) (int, error) {
	t, err := replayBareFile(dir, false)
	return t.Entries, err
}
