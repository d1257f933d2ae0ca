package wal

import "sync"

// Leadership
//
// The file of the last segment belongs to the leader, or, while nobody leads, to the holder of the
// writer's lock. Everything else follows from that sentence:
//
//   - Only the leader gives up the lock during its I/O on the file.
//   - A call that needs the file for itself, such as a cut or Close, waits until nobody leads and
//     then keeps the lock until it is done with the file. This is exclusive use.
//   - Batches are written one after the other.
//
//	             take, by await: a save finds that nobody leads
//	┌────────┐ ────────────────────────────────────────▶ ┌──────────────┐
//	│ vacant │                                           │ caller leads │ one batch
//	│        │ ◀──────────────────────────────────────── └──────────────┘
//	└────────┘   resign                                          │
//	   │  ▲                                                      │ handOver: more to write
//	   │  │                                                      ▼
//	   │  │      resign                                  ┌─────────────────┐
//	   │  └───────────────────────────────────────────── │ goroutine leads │ batch by batch
//	   └───────────────────────────────────────────────▶ └─────────────────┘
//	             take, by unlock: a batch is pending
//
// A caller leads for one batch. Then it hands over to a goroutine if there is more to write, and
// resigns otherwise. A goroutine leads until nothing is left to write. Both resign after the batch
// that they are writing when the log has failed or was closed, or when a caller waits for exclusive
// use.
//
// While a caller waits for exclusive use, take fails. Otherwise another caller that saves again and
// again could take the lead each time before the waiting one has woken up. The pending batch is not
// forgotten: the caller that waited flushes it, or, if no other one waits for exclusive use by
// then, starts a leader for it when it gives up the lock (see unlock).

// leadership records whether there is a leader, and how many callers wait for exclusive use. The
// writer's lock guards it.
type leadership struct {
	taken            bool
	exclusiveWaiters int
	vacant           sync.Cond // signals that nobody leads any more; its L is the writer's lock
}

// take makes the caller the leader, or a goroutine that the caller is about to start. It reports
// false if there is a leader already, or if a caller waits for exclusive use.
func (l *leadership) take() bool {
	if l.taken || l.exclusiveWaiters > 0 {
		return false
	}
	l.taken = true
	return true
}

// mustResign reports whether the leader has to resign after its batch, because a caller waits for
// exclusive use.
func (l *leadership) mustResign() bool { return l.exclusiveWaiters > 0 }

// resign ends the leadership and wakes the callers that wait for exclusive use.
func (l *leadership) resign() {
	l.taken = false
	l.vacant.Broadcast()
}

// awaitVacant waits until nobody leads. The caller then has exclusive use of the file until it
// gives up the lock.
func (l *leadership) awaitVacant() {
	l.exclusiveWaiters++
	for l.taken {
		l.vacant.Wait()
	}
	l.exclusiveWaiters--
}

// handOver ends the leadership of a caller after its batch. A goroutine takes over if there is more
// to write, or soon will be: when the batch held several saves, their callers may come back, and
// the goroutine lingers for them. The caller itself returns, because its own save is durable.
func (w *WAL) handOver() {
	more := w.due() || w.opts.writeDelay == 0 && w.previous.saves > 1
	if more && !w.leader.mustResign() && w.sticky.err() == nil {
		go w.lead()
		return
	}
	w.stopLeading()
}

// stopLeading ends the leadership. If the log has failed or was closed, even by a call that does
// not lead, the pending batch is never written: the callers that wait for it get the error.
func (w *WAL) stopLeading() {
	if err := w.sticky.err(); err != nil {
		w.failPending(err)
	}
	w.leader.resign()
	w.room.Broadcast()
}

// lead flushes batch after batch, and tells what there is to tell after each, until nothing is left
// to write or it must resign. It runs in a goroutine of its own.
func (w *WAL) lead() {
	w.writer.Lock()
	for !w.leader.mustResign() {
		w.linger()
		if !w.due() || w.sticky.err() != nil {
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

// tellAside runs tell in the goroutine that leads. A panic of a listener or a logger is logged. If
// one of them ends the goroutine, a new one continues to lead.
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
