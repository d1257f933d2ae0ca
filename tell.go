package wal

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Telling the caller
//
// The functions of a Listener, and the cores and hooks of a logger, are the caller's code: they
// may take long, panic, or end their goroutine. So nothing is told in the middle of the work.
// What there is to tell is put in a queue, in order, and told at the end of a call, when it holds no
// lock that another one needs and leads nobody. A panic then goes to the caller of that call,
// and the log goes on. The goroutine that leads on tells between two batches: there a panic has no
// caller to go to, and is logged.

// teller is the queue. Its zero value with a logger is ready.
type teller struct {
	lg       *zap.Logger
	listener *Listener

	waiting  atomic.Bool // there is something in the queue
	queueing sync.Mutex  // guards queue; held for moments only
	queue    []event
	telling  sync.Mutex // held while something is told: one thing at a time
}

// event is one thing to tell. The two that come with each save have no function, for
// that would be an allocation.
type event struct {
	saved  SaveEvent     // unless Saves is 0
	synced time.Duration // unless other or saved are there
	other  func()
}

func (t *teller) later(e event) {
	t.queueing.Lock()
	t.queue = append(t.queue, e)
	t.waiting.Store(true)
	t.queueing.Unlock()
}

// warn has a warning logged.
func (t *teller) warn(msg string, fields ...zap.Field) {
	t.later(event{other: func() { t.lg.Warn(msg, fields...) }})
}

// alarm has an error logged.
func (t *teller) alarm(msg string, fields ...zap.Field) {
	t.later(event{other: func() { t.lg.Error(msg, fields...) }})
}

// tell tells what is in the queue. No lock is held that a call on the log needs, and the caller
// does not lead.
func (t *teller) tell() {
	if t.waiting.Load() {
		t.tellAll()
	}
}

// tellAll is tell, and also waits for what another goroutine is telling.
func (t *teller) tellAll() {
	t.telling.Lock()
	defer t.telling.Unlock()
	for {
		e, ok := t.next()
		if !ok {
			return
		}
		switch {
		case e.other != nil:
			e.other()
		case e.saved.Saves > 0:
			t.listener.Saved(e.saved)
		default:
			t.listener.Synced(e.synced)
		}
	}
}

// next takes the next event out of the queue: if telling it panics, it is not told again.
func (t *teller) next() (e event, ok bool) {
	t.queueing.Lock()
	defer t.queueing.Unlock()
	if len(t.queue) == 0 {
		t.waiting.Store(false)
		return e, false
	}
	e = t.queue[0]
	n := copy(t.queue, t.queue[1:])
	t.queue[n] = event{}
	t.queue = t.queue[:n]
	return e, true
}

// logPanic logs a panic of the caller's code that no call of its leads to. If it is the logger
// that panics, nobody is left to be told.
func (t *teller) logPanic(dir string, r any) {
	defer func() { _ = recover() }()
	t.lg.Error("a listener or a logger of the log panics", zap.String("dir", dir),
		zap.String("panic", fmt.Sprint(r)), zap.String("stack", string(debug.Stack())))
}
