package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

const (
	// frameOverhead is how many bytes a floor writes for each entry besides its data: about as many as
	// a frame of this library has.
	frameOverhead = 40
	// fillPiece is how many bytes are written at once when a floor's file is filled. With larger
	// pieces some kernels keep the file in large folios, and every later small write is slower.
	fillPiece = 64 << 10
)

func bareLoop() contender {
	return contender{
		name: nameFloor,
		about: "a bare loop of pwrite and fdatasync over a file that was filled with zeros and " +
			"synced; for several writers one write and one sync for all of them; without sync the bare " +
			"write",
		floor: true,
		solo:  true,
		open:  openBareLoop,
	}
}

// frames returns what all writers together write at once. Its length is a multiple of 8, as that of
// a log's frames is.
func (c config) frames() []byte {
	frame := append(c.data(), make([]byte, frameOverhead+(8-c.size%8)%8)...)
	return bytes.Repeat(frame, c.batch*c.writers)
}

// ringSize returns the size of a floor's file, which is at least that of several saves.
func (c config) ringSize(save int) int64 { return max(c.ring, 4*int64(save+directBlock)) }

func openBareLoop(dir string, c config) (*store, error) {
	frames := c.frames()
	size, off := c.ringSize(len(frames)), int64(0)
	f, err := zeroed(dir, size)
	if err != nil {
		return nil, err
	}
	save := func() error {
		if off+int64(len(frames)) > size {
			off = 0
		}
		if _, err := f.WriteAt(frames, off); err != nil {
			return err
		}
		off += int64(len(frames))
		if c.noSync {
			return nil
		}
		return datasync(f)
	}
	return &store{writer: func() func() error { return save }, close: f.Close}, nil
}

// zeroed creates a file of zeros, which are written and synced.
func zeroed(dir string, size int64) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		return nil, err
	}
	piece := make([]byte, fillPiece)
	for off := int64(0); off < size; off += fillPiece {
		if _, err := f.WriteAt(piece[:min(fillPiece, size-off)], off); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func directLoop() contender {
	return contender{
		name: nameDirect,
		about: "the same with O_DIRECT|O_DSYNC: whole blocks of 4 KiB, the last one written again by " +
			"the next save; Linux only",
		floor: true,
		solo:  true,
		open:  openDirectLoop,
	}
}

// directBlock is the alignment of direct writes in bytes. It suffices for any disk.
const directBlock = 4096

func openDirectLoop(dir string, c config) (*store, error) {
	frames := c.frames()
	size := c.ringSize(len(frames)) / directBlock * directBlock
	f, err := zeroed(dir, size)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	if f, err = openDirect(f.Name()); err != nil {
		return nil, err
	}
	d := &direct{f: f, size: size, buf: aligned(directBlock + (len(frames)/directBlock+2)*directBlock)}
	return &store{writer: func() func() error {
		return func() error { return d.append(frames) }
	}, close: f.Close}, nil
}

// direct appends to a file in whole blocks.
type direct struct {
	f    *os.File
	size int64
	off  int64  // of the block of which a part is written
	fill int    // how many bytes of that block are written
	buf  []byte // begins with that block
}

func (d *direct) append(b []byte) error {
	end := d.fill + len(b)
	blocks := (end + directBlock - 1) / directBlock * directBlock
	if d.off+int64(blocks) > d.size {
		d.off, d.fill = 0, 0
		return d.append(b)
	}
	copy(d.buf[d.fill:], b)
	clear(d.buf[end:blocks])
	if _, err := d.f.WriteAt(d.buf[:blocks], d.off); err != nil {
		return err
	}
	whole := end / directBlock * directBlock
	copy(d.buf[:directBlock], d.buf[whole:])
	d.off += int64(whole)
	d.fill = end - whole
	return nil
}
