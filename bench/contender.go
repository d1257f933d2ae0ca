package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
)

// errUnsupported is returned by a contender that does not work on this machine, such as direct I/O
// on a file system without it. The report gives the reason.
var errUnsupported = errors.New("not supported here")

// config is what a workload requires of a store.
type config struct {
	size     int   // bytes of data in an entry
	batch    int   // entries in a save
	fewer    int   // a log that is written once has one entry in so many; 0: all
	writers  int   // goroutines that save at the same time
	nodes    int   // of a raft cluster; 0: one
	segment  int64 // bytes of a segment
	ring     int64 // bytes of the file that a floor overwrites again and again
	noSync   bool  // a save returns after its write
	inFlight bool  // a save returns before its write; flush makes all saves durable
	halves   bool  // a save is two calls: one that orders it, and one that waits for it
}

// data returns the data of an entry. It is the same for every contender, and cannot be compressed,
// so no contender gains by compressing it.
func (c config) data() []byte {
	src := rand.NewChaCha8([32]byte{'w', 'a', 'l'})
	b := make([]byte, c.size)
	src.Read(b) // never fails
	return b
}

// A store is a log that is open for saving.
type store struct {
	// writer returns a function that makes one save, to be called by one goroutine. What the function
	// needs is allocated before.
	writer func() func() error
	flush  func() error // waits for all saves in flight; nil: none ever is
	// stream calls visit with the data of every entry saved so far, in order, until visit returns
	// false. It may be called while the writers save. nil: the log cannot do that.
	stream func(visit func(data []byte) bool) error
	close  func() error
}

// A reader is a log that is open for reading single entries.
type reader struct {
	read func(index uint64) (data []byte, err error) // valid until the next call
	// limit reads the entries [lo, hi) up to maxBytes, and returns how many it has read. nil: the log
	// has no such call.
	limit func(lo, hi, maxBytes uint64) (entries int, err error)
	close func() error
}

// A contender is one way of keeping a log.
type contender struct {
	name   string
	about  string // how it is set up, for the report
	module string // the module whose version the report names
	floor  bool   // it is no log, but the limit that a log can hardly exceed
	// solo says that one goroutine makes the saves of all writers at once. Each of its calls counts as
	// one save of each writer.
	solo bool
	open func(dir string, c config) (*store, error)
	// replay opens the log in dir and reads every entry. If keep is true, it keeps all of them in
	// memory.
	replay func(dir string, keep bool) (tally, error)
	// openReader opens the log in dir for reading by index. nil: the log cannot do that.
	openReader func(dir string) (*reader, error)
	// reopen opens the log in dir as a program would that uses it, closes it, and returns how many
	// entries it has found. nil: that is not compared.
	reopen func(dir string) (entries int, err error)
}

// sequence gives out indexes in order. Its lock is for logs that take entries only in order: there
// the caller has to lock.
type sequence struct {
	sync.Mutex
	last uint64
}

// next returns the index after the last one.
func (s *sequence) next() uint64 {
	s.last++
	return s.last
}

// tally is the result of a replay.
type tally struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"` // of data
}

// count adds an entry.
func (t *tally) count(dataBytes int) {
	t.Entries++
	t.Bytes += int64(dataBytes)
}

// gathering counts entries, and keeps them if keep is true.
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

// closing closes c. It returns err or, if that is nil, the error of closing.
func closing(err error, c io.Closer) error {
	return errors.Join(err, c.Close())
}
