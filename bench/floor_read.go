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

// readPiece is how much the bare read reads at once, in bytes.
const readPiece = 64 << 10

func bareRead() contender {
	return contender{
		name:   nameBareRead,
		about:  "replay only: length, CRC-32C and bytes, read from one file in pieces of 64 KiB and checked; its memory is what this program takes without any log",
		floor:  true,
		solo:   true,
		open:   openBareFile,
		replay: replayBareFile,
	}
}

func bareFile(dir string) string { return filepath.Join(dir, "bare") }

// bareHead is the size of a frame's length and checksum, in bytes.
const bareHead = 8

// openBareFile writes what replayBareFile reads; it does not sync.
func openBareFile(dir string, c config) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(bareFile(dir))
	if err != nil {
		return nil, err
	}
	data := c.data()
	frame := binary.LittleEndian.AppendUint32(nil, uint32(len(data)))
	frame = binary.LittleEndian.AppendUint32(frame, crc32.Checksum(data, castagnoli))
	batch := bytes.Repeat(append(frame, data...), c.batch*c.writers)
	save := func() error {
		_, err := f.Write(batch)
		return err
	}
	return &store{writer: func() func() error { return save }, close: f.Close}, nil
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
		if crc32.Checksum(data, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return g.tally, closing(fmt.Errorf("%s: checksum of entry %d is wrong", f.Name(), g.Entries+1), f)
		}
		g.add(data, len(data))
	}
}
