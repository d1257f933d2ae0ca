package wal

import (
	"sync"
)

// Leadership
//
// The file of the last segment belongs to the leader, or, while nobody leads, to the holder of the
// writer's lock. Everything else follows from that sentence: only a leader gives up the lock during
// its I/O; a cut, a close, and what else needs the file waits until nobody leads, and then keeps the
// lock; batches are written one after the other.
//
//	             take                      hand over, there is more to write
//	┌────────┐ ─────────▶ ┌──────────────┐ ──────────────────────────────▶ ┌─────────────────┐
//	│ vacant │            │ caller leads │                                 │ goroutine leads │
//	│        │ ◀───────── │  (1 batch)   │                  ┌─────────────▶ │ (batch by batch)│
//	└────────┘   resign   └──────────────┘                  │              └─────────────────┘
//	   │ ▲                        take, by unlock, with more to write                │
//	   │ └──────────────────────────────────────────────────┼────────────────────────┘
//	   └────────────────────────────────────────────────────┘      resign
//
// A leader resigns when nothing is left to write, when the log has failed or was closed, and after
// its batch when somebody waits for exclusive use. While somebody waits so, nobody begins to lead:
// a caller that saves again and again would otherwise be faster, each time, than the one who waits
// is woken. The waiter then flushes what is pending, or, as the last one to wait, leaves it to a
// new leader when it gives up the lock.

// leadership says whether somebody leads, and who waits for nobody to. All of it is under the
// writer's lock.
type leadership struct {
	taken            bool
	exclusiveWaiters int
	vacant           sync.Cond // nobody leads any more; its L is the writer's lock
}

// take makes the caller, or a goroutine that it is about to start, the leader. It reports false if
// there is one, or if somebody waits for exclusive use.
func (l *leadership) take() bool {
	if l.taken || l.exclusiveWaiters > 0 {
		return false
	}
	l.taken = true
	return true
}

// mustResign reports whether the leader has to resign after its batch.
func (l *leadership) mustResign() bool { return l.exclusiveWaiters > 0 }

// resign ends the leading.
func (l *leadership) resign() {
	l.taken = false
	l.vacant.Broadcast()
}

// awaitVacant waits until nobody leads. The caller then has the file until it gives up the lock.
func (l *leadership) awaitVacant() {
	l.exclusiveWaiters++
	for l.taken {
		l.vacant.Wait()
	}
	l.exclusiveWaiters--
}

// handOver ends the caller's leading. If there is more to write, a goroutine
// leads on: a caller whose own save is durable has better to do.
func (w *WAL) handOver() {
	if !w.leader.mustResign() && w.sticky.err() == nil && (w.open.pending() || w.previous.saves > 1) {
		go w.lead()
		return
	}
	w.stopLeading()
}

// stopLeading ends the leading. If the log's life is over, be it by somebody who
// does not lead, nobody will write what is pending, and its callers are told.
func (w *WAL) stopLeading() {
	if err := w.sticky.err(); err != nil {
		w.failPending(err)
	}
	w.leader.resign()
	w.room.Broadcast()
}

// lead flushes batch after batch, as long as there is one.
func (w *WAL) lead() {
	w.writer.Lock()
	for !w.leader.mustResign() {
		w.linger()
		if !w.open.pending() || w.sticky.err() != nil {
			break
		}
		w.flush(w.now())
		if w.waiting.Load() {
			w.writer.Unlock()
			w.tellAside()
			w.writer.Lock()
		}
	}
	w.stopLeading()
	w.writer.Unlock()
}

// tellAside tells in the goroutine that leads. If that is ended, another one leads on.
func (w *WAL) tellAside() {
	ended := true
	defer func() {
		if ended {
			go w.lead()
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			w.logPanic(w.dir.Path(), r)
			ended = false
		}
	}()
	w.tell()
	ended = false
}
