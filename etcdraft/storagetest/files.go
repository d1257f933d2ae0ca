package storagetest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
)

// image is the files of a store as they were at a moment, by their names. A directory's name ends
// with a slash.
type image map[string][]byte

// take returns the image of a directory.
func take(dir string) image {
	im := image{}
	must(filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			im[rel+"/"] = nil
			return nil
		}
		im[rel], err = os.ReadFile(name)
		if os.IsNotExist(err) { // the store has just removed it
			delete(im, rel)
			return nil
		}
		return err
	}), "reading the files of the store")
	return im
}

// put writes the files into a directory. What is zero in them is a hole there.
func (im image) put(dir string) {
	must(os.MkdirAll(dir, 0o700), "a directory for the copy")
	for name, data := range im {
		path := filepath.Join(dir, name)
		if name[len(name)-1] == '/' {
			must(os.MkdirAll(path, 0o700), "a directory for the copy")
			continue
		}
		must(os.MkdirAll(filepath.Dir(path), 0o700), "a directory for the copy")
		must(putFile(path, data), "copying the files of the store")
	}
}

// putFile writes a file.
func putFile(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	const block = 4096
	var zeros [block]byte
	for at := 0; at < len(data); at += block {
		part := data[at:min(at+block, len(data))]
		if bytes.Equal(part, zeros[:len(part)]) {
			continue
		}
		if _, err := f.WriteAt(part, int64(at)); err != nil {
			return err
		}
	}
	return nil
}

// sector is what a disk writes as a whole.
const sector = 512

// tornImages returns what a crash in the middle of a save may leave, if the images before and after
// it differ in one file only: each has some more of the sectors that the save has written. If they
// differ in more files, which comes first is the store's affair, and there is nothing.
func tornImages(before, after image) (images []image) {
	var changed string
	for name, data := range after {
		if old, ok := before[name]; ok && bytes.Equal(old, data) {
			continue
		} else if !ok || changed != "" {
			return nil
		}
		changed = name
	}
	if changed == "" || len(before) != len(after) {
		return nil
	}
	old, data := before[changed], after[changed]
	from, to := difference(old, data)
	for at := (from/sector + 1) * sector; at < to; at += sector {
		part := append([]byte(nil), old...)
		if len(part) < at {
			part = append(part, make([]byte, at-len(part))...)
		}
		copy(part, data[:at])
		im := image{}
		for name, file := range before {
			im[name] = file
		}
		im[changed] = part
		images = append(images, im)
	}
	return images
}

// difference returns the range outside of which the two are the same. A file that is shorter is as
// one with zeros.
func difference(a, b []byte) (from, to int) {
	at := func(s []byte, i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	to = max(len(a), len(b))
	for from < to && at(a, from) == at(b, from) {
		from++
	}
	for to > from && at(a, to-1) == at(b, to-1) {
		to--
	}
	return from, to
}
