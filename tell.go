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
// The functions of a Listener, and the cores and hooks of a logger, are the caller's code: they may
// take long, panic, or end their goroutine. So they are never called in the middle of the work.
// Events are queued in order, and told at the end of a call on the log, when that call holds no
// lock that another one needs and does not lead. A panic then reaches the caller of that call, and
// the log goes on. The goroutine that leads tells events between two batches: there a panic has no
// caller to reach, and is logged.

// teller is the queue of events. Its zero value with a logger is ready.
type teller struct {
	lg       *zap.Logger
	listener *Listener

	waiting  atomic.Bool // the queue is not empty
	queueing sync.Mutex  // guards queue; held for moments only
	queue    []event
	telling  sync.Mutex // held while an event is told: one at a time
}

// event is one thing to tell. The two kinds that come with each save have no function, because that
// would be an allocation.
type event struct {
	saved  SaveEvent     // unless its Saves is 0
	synced time.Duration // if there is neither saved nor other
	other  func()        // nil for the two kinds above
}

// later queues an event.
func (t *teller) later(e event) {
	t.queueing.Lock()
	t.queue = append(t.queue, e)
	t.waiting.Store(true)
	t.queueing.Unlock()
}

// warn queues a warning for the logger.
func (t *teller) warn(msg string, fields ...zap.Field) {
	t.later(event{other: func() { t.lg.Warn(msg, fields...) }})
}

// alarm queues an error for the logger.
func (t *teller) alarm(msg string, fields ...zap.Field) {
	t.later(event{other: func() { t.lg.Error(msg, fields...) }})
}

// tell tells the events in the queue. The caller holds no lock that a call on the log needs, and
// does not lead.
func (t *teller) tell() {
	if t.waiting.Load() {
		t.tellAll()
	}
}

// tellAll tells the events in the queue as tell does, and also waits for those that another
// goroutine is telling.
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

// next takes the next event out of the queue, before it is told: if telling it panics, it is not
// told again.
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

// logPanic logs a panic of the caller's code in the log's own goroutine. If the logger itself
// panics, that panic is dropped: there is no way left to report it.
func (t *teller) logPanic(dir string, r any) {
	defer func() { _ = recover() }()
	t.lg.Error("a listener or a logger of the log panics", zap.String("dir", dir),
		zap.String("panic", fmt.Sprint(r)), zap.String("stack", string(debug.Stack())))
}
