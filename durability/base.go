package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// base is one undamaged log.
type base struct {
	whole      image    // as the peer leaves it: closed, or copied while it is open
	before     image    // the same, copied while it is open
	torn       image    // the same as before, with one more batch in the same segment
	acked, all []string // the entries without and with that batch, in words
}

// makeBase writes a log, and verifies that all of it can be read back.
func makeBase(p peer, work string, seed uint64) (*base, error) {
	for try := range uint64(100) { // until the last batch stays in the segment
		b, err := writeBase(p, work, rand.New(rand.NewPCG(seed, try)))
		if err != nil {
			return nil, err
		}
		if !slices.Equal(segmentsOf(b.before), segmentsOf(b.torn)) {
			continue
		}
		if n := len(segmentsOf(b.whole)); n < 3 {
			return nil, fmt.Errorf("only %d segments", n)
		}
		for _, im := range []image{b.whole, b.before, b.torn} {
			got, err := p.readImage(im, filepath.Join(work, "check"))
			if err != nil || !slices.Equal(got, b.acked) && !slices.Equal(got, b.all) {
				return nil, fmt.Errorf("an undamaged log of %d entries reads as %d: %w", len(b.acked), len(got),
					err)
			}
		}
		return b, nil
	}
	return nil, fmt.Errorf("the last batch always goes into a new segment")
}

// writeBase saves batches of one to four entries of up to 2 KiB, about 160 KiB in all, and then one
// batch of up to 16 KiB into a copy.
func writeBase(p peer, work string, rng *rand.Rand) (*base, error) {
	b := &base{}
	var batches [][]entry
	next := uint64(0)
	batch := func(n, size int) {
		var ents []entry
		for range n {
			next++
			e := entry{index: next, term: 1 + next/100, data: make([]byte, 1+rng.IntN(size))}
			for i := range e.data {
				e.data[i] = byte(rng.Uint32())
			}
			ents = append(ents, e)
			b.all = append(b.all, e.words())
		}
		batches = append(batches, ents)
	}
	for range 60 + rng.IntN(12) {
		batch(1+rng.IntN(4), 2000)
	}
	b.acked = slices.Clone(b.all)
	batch(2+rng.IntN(3), 4000)
	acked := len(batches) - 1

	images, err := p.write(work, batches[:acked], nil)
	if err != nil {
		return nil, err
	}
	b.whole = images[len(images)-1]
	if !p.closes {
		b.whole = images[0]
	}
	if images, err = p.write(work, batches[:acked], batches[acked]); err != nil {
		return nil, err
	}
	b.before, b.torn = images[0], images[1]
	return b, nil
}

// write creates a log and returns its images: while it is open, with one more batch if more is not
// empty, and closed.
func (p peer) write(work string, batches [][]entry, more []entry) (images []image, err error) {
	home, err := os.MkdirTemp(work, "log-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	dir := filepath.Join(home, "log")
	if p.needsDir {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
	}
	w, err := p.create(dir)
	if err != nil {
		return nil, err
	}
	keep := func() error {
		im, err := loadImage(dir)
		images = append(images, im)
		return err
	}
	for _, ents := range batches {
		if err := w.save(ents); err != nil {
			return nil, err
		}
	}
	if err := keep(); err != nil {
		return nil, err
	}
	if more != nil {
		if err := w.save(more); err != nil {
			return nil, err
		}
		if err := keep(); err != nil {
			return nil, err
		}
	}
	if err := w.close(); err != nil {
		return nil, err
	}
	return images, keep()
}
