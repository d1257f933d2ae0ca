package wal

import (
	"bytes"
	"maps"
	"slices"

	"github.com/seed449c39bc/wal/internal/crashfs"
)

// image is the files of a log's directory: names without a directory, and bytes.
type image map[string][]byte

// clone returns a copy that shares nothing.
func (im image) clone() image { return image(crashfs.Image(im).Clone()) }

func (im image) equal(other image) bool { return maps.EqualFunc(im, other, bytes.Equal) }

// names returns the names of the files in order.
func (im image) names() []string { return slices.Sorted(maps.Keys(im)) }

// memFS is a disk with one directory, whose files are given and taken as an image.
type memFS struct{ *crashfs.Disk }

// memDir is the name of the directory that every memFS has.
const memDir = "log"

// newMemFS takes over the bytes of the image.
func newMemFS(im image) *memFS {
	disk := crashfs.Image{memDir + "/": nil}
	for name, data := range im {
		disk[memDir+"/"+name] = data
	}
	return &memFS{crashfs.New(disk)}
}

// image returns a copy of the files.
func (m *memFS) image() image { return m.Image().Dir(memDir) }
