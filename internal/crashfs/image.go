package crashfs

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"
)

// Image is what is on a disk: the bytes of each file by its path, and nil for each directory by its
// path with a slash at the end. Paths are clean, relative to the disk's root, and have slashes.
type Image map[string][]byte

// Clone returns a copy that shares nothing.
func (im Image) Clone() Image {
	out := make(Image, len(im))
	for name, data := range im {
		out[name] = bytes.Clone(data)
	}
	return out
}

// Dir returns the files in a directory by their names, or nil if there is no such directory. The
// bytes are not copied.
func (im Image) Dir(dir string) map[string][]byte {
	prefix := path.Clean(dir) + "/"
	if _, ok := im[prefix]; !ok {
		return nil
	}
	out := map[string][]byte{}
	for name, data := range im {
		if base, ok := strings.CutPrefix(name, prefix); ok && base != "" && !strings.Contains(base, "/") {
			out[base] = data
		}
	}
	return out
}

// names returns the paths in order. A directory comes before what is in it.
func (im Image) names() []string { return slices.Sorted(maps.Keys(im)) }
