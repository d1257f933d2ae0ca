package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
)

// errUnsupported is returned by a contender that this machine has no place for,
// such as direct I/O on a file system without it. The report names the reason.
var errUnsupported = errors.New("not supported here")

// config is what a workload asks of a store.
type config struct {
	size     int   // bytes of data in an entry
	batch    int   // entries in a save
	writers  int   // goroutines that save at once
	segment  int64 // bytes of a segment
	ring     int64 // bytes of the file that a floor writes over and over
	noSync   bool  // a save returns after its write
	inFlight bool  // a save returns before its write; flush makes all of them durable
	halves   bool  // a save is two calls: one that orders it, and one that waits for it
}

// data returns the data of an entry: the same for every contender, and not
// compressible, so that nobody gains from compressing it.
func (c config) data() []byte {
	src := rand.NewChaCha8([32]byte{'w', 'a', 'l'})
	b := make([]byte, c.size)
	src.Read(b) // never fails
	return b
}

// A store is a log that is open for saving.
type store struct {
	// writer returns a function that makes one save, for the use of one
	// goroutine; what it needs for that is allocated beforehand.
	writer func() func() error
	flush  func() error // waits for all that is in flight; nil: nothing ever is
	// stream shows the data of every entry saved so far to visit, in order, until
	// that returns false. It may be called beside the writers. nil: the log cannot do that.
	stream func(visit func(data []byte) bool) error
	close  func() error
}

// A reader is a log that is open for reading single entries.
type reader struct {
	read func(index uint64) (data []byte, err error) // valid until the next call
	// limit reads the entries [lo, hi) up to maxBytes, and tells how many they are; nil: there is no
	// such call.
	limit func(lo, hi, maxBytes uint64) (entries int, err error)
	close func() error
}

// A contender is one way of keeping a log.
type contender struct {
	name   string
	about  string // how it is set up, for the report
	module string // the module whose version the report names
	floor  bool   // not a log, but what a log can hardly beat
	// solo: one goroutine makes the saves of all writers at once, and each of
	// its calls counts for as many.
	solo bool
	open func(dir string, c config) (*store, error)
	// replay opens the log in dir and reads every entry, keeping them all in
	// memory or letting go of each.
	replay func(dir string, keep bool) (tally, error)
	// openReader opens the log in dir for reading by index; nil: it has no such thing.
	openReader func(dir string) (*reader, error)
	// reopen opens the log in dir as it is opened for use, tells how many entries it
	// found, and closes it; nil: that is not compared.
	reopen func(dir string) (entries int, err error)
}

// sequence hands out indexes, in order. Its lock is the caller's lock that logs
// need which take entries in order only.
type sequence struct {
	sync.Mutex
	last uint64
}

// next returns the index after the last one.
func (s *sequence) next() uint64 {
	s.last++
	return s.last
}

// tally is what a replay came to.
type tally struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"` // of data
}

// count adds an entry.
func (t *tally) count(dataBytes int) {
	t.Entries++
	t.Bytes += int64(dataBytes)
}

// gathering counts entries, and keeps them if it is to.
type gathering[T any] struct {
	tally
	keep bool
	all  []T
}

func (g *gathering[T]) add(entry T, dataBytes int) {
	g.count(dataBytes)
	if g.keep {
		g.all = append(g.all, entry)
	}
}

// closing closes c, and returns err or else what closing came to.
func closing(err error, c io.Closer) error {
	return errors.Join(err, c.Close())
}
