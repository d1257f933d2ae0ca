package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	batchLines = 1000      // how many lines go into one save at most
	batchBytes = 256 << 10 // how many bytes of pairs go into one save, roughly
)

// load saves the lines of a file.
func (a *app) load(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	var size int64
	if info, err := f.Stat(); err == nil {
		size = info.Size() // 0 for a pipe
	}
	return a.withStore(OpenOrCreate, func(s *Store) error {
		l := loader{store: s, progress: newProgress(a.stderr, size)}
		err := l.run(f)
		l.progress.end()
		if err != nil {
			return fmt.Errorf("load %s: %w", args[0], err)
		}
		_, err = fmt.Fprintf(a.stdout, "saved %d pairs from %s\n", l.saved, args[0])
		return errors.Join(err, suggestSnapshot(a.stdout, s.Behind()))
	})
}

// manyEntries is about how many entries can be read in a second.
const manyEntries = 100_000

// suggestSnapshot suggests a snapshot if every command has to read many entries.
func suggestSnapshot(out io.Writer, behind uint64) error {
	if behind < manyEntries {
		return nil
	}
	_, err := fmt.Fprintf(out, "every command reads %d entries behind the last snapshot; after "+
		"kvstore snapshot they are quick again\n", behind)
	return err
}

// loader saves lines in the store, many at a time: a save costs one sync, however much it holds.
type loader struct {
	store    *Store
	progress *progress
	batch    []*Entry
	bytes    int   // the size of the pairs in batch
	saved    int   // how many pairs are on stable storage
	read     int64 // how many bytes of the file were read
}

// byteOrderMark is what some editors put before the first line; it is not part of a key.
const byteOrderMark = "\ufeff"

// run reads lines of KEY<TAB>VALUE and saves them. It passes over empty lines. At the first bad
// line it stops with an error, after it has saved everything before that line.
func (l *loader) run(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, len(byteOrderMark)+maxPair+len("\t\r\n")+1)
	n := 0
	for lines.Scan() {
		n++
		l.read += int64(len(lines.Bytes())) + 1
		text := lines.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, byteOrderMark)
		}
		if err := l.line(text); err != nil {
			return l.stop(n, err)
		}
		if len(l.batch) >= batchLines || l.bytes >= batchBytes {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	err := lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("key and value have more than %d bytes", maxPair)
	}
	if err != nil {
		return l.stop(n+1, err)
	}
	return l.flush()
}

// line adds one line to the batch.
func (l *loader) line(text string) error {
	if text == "" {
		return nil
	}
	key, value, ok := strings.Cut(text, "\t")
	if !ok {
		return errors.New("no tab between key and value")
	}
	e := Put(key, value)
	if err := e.check(); err != nil {
		return err
	}
	l.batch = append(l.batch, e)
	l.bytes += len(text)
	return nil
}

// flush saves the batch.
func (l *loader) flush() error {
	if err := l.store.Save(l.batch...); err != nil {
		return fmt.Errorf("%w; the first %d pairs are saved, the %d after them may be", err, l.saved,
			len(l.batch))
	}
	l.saved += len(l.batch)
	l.batch, l.bytes = nil, 0 // the store keeps the old batch
	l.progress.show(l.saved, l.read)
	return nil
}

// stop saves the batch, and returns the error that ends the load at line n.
func (l *loader) stop(n int, reason error) error {
	if err := l.flush(); err != nil {
		return err
	}
	return fmt.Errorf("line %d: %w; the %d pairs before it are saved, nothing from it on", n, reason,
		l.saved)
}

// progress shows how far a long load is: on a terminal in one line that is rewritten, elsewhere in
// a new line from time to time.
type progress struct {
	out      io.Writer
	size     int64 // bytes to read; 0: unknown
	terminal bool
	every    time.Duration
	began    time.Time
	shown    time.Time
	open     bool // the cursor stands in a line that is rewritten
}

func newProgress(out io.Writer, size int64) *progress {
	now := time.Now()
	p := &progress{out: out, size: size, terminal: isTerminal(out), every: time.Second, began: now,
		shown: now}
	if p.terminal {
		p.every = 100 * time.Millisecond
	}
	return p
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show prints a line if the last one is old enough.
func (p *progress) show(pairs int, read int64) {
	now := time.Now()
	if now.Sub(p.shown) < p.every {
		return
	}
	p.shown = now
	text := fmt.Sprintf("%d pairs saved, %.0f per second", pairs,
		float64(pairs)/now.Sub(p.began).Seconds())
	if p.size > 0 {
		text += fmt.Sprintf(", %d%% of the file", min(100*read/p.size, 100))
	}
	if p.terminal {
		fmt.Fprintf(p.out, "\r%-70s", text)
		p.open = true
		return
	}
	fmt.Fprintln(p.out, text)
}

// end ends the line that was rewritten.
func (p *progress) end() {
	if p.open {
		fmt.Fprintln(p.out)
		p.open = false
	}
}
