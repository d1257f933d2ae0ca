package wal

import "time"

// How saves become durable
//
// A save is encoded, under the writer's lock, into the open batch: that gives it its
// place in the log. Then the batch is written with one write and one sync, without the lock, by
// a leader, of which there is at most one: so saves that come meanwhile gather in
// the next open batch and share its sync. A caller that finds no leader leads for one
// batch, which usually is its own save alone. If there is more to do by then, a
// goroutine goes on leading, as long as there is.

// maxBatch is how large the open batch may grow, in bytes, while another one is
// being written: a save that finds it larger waits. It bounds the memory of Append.
const maxBatch = 1 << 20

// commit saves s and returns when it is durable. An error is either the caller's
// mistake, and then nothing was written and the log goes on, or it is final.
func (w *WAL) commit(s *save) error {
	began := w.now()
	w.writer.Lock()
	done, err := w.addOrUnlock(s)
	if done || err != nil {
		return err
	}
	return w.await(began)
}

// addOrUnlock is add, and gives up the lock unless the save is in the open batch: also when a
// method of a record ends the goroutine.
func (w *WAL) addOrUnlock(s *save) (done bool, err error) {
	added := false
	defer func() {
		if !added {
			w.unlock()
		}
	}()
	done, err = w.add(s)
	added = !done && err == nil
	return done, err
}

// await returns when the open batch is durable. It gives up the lock, which is held. If somebody
// waits for exclusive use of the log, the caller joins the batch instead of leading: the waiter
// flushes it, or, as the last one to wait, leaves it to a leader.
func (w *WAL) await(began time.Time) error {
	if !w.leader.take() {
		r := w.open.join()
		w.writer.Unlock()
		<-r.done
		return r.err
	}
	w.owes = false
	err := w.flush(began)
	w.handOver()
	w.writer.Unlock()
	w.tell()
	return err
}

// allDone tells whether all that is encoded is written, and durable if it has to be. The lock is
// held, and the log has not failed.
func (w *WAL) allDone() bool { return !w.leader.taken && !w.open.pending() }

// awaitAll returns when all that is encoded is durable, as far as its saves have to be. It gives
// up the lock, which is held. A call that finds nothing to do ends with it: what it found is
// what is encoded, be it by a call still on its way, which a crash or a failing disk can take
// back. Such a caller waits in the open batch, also if that stays empty.
func (w *WAL) awaitAll(began time.Time) error {
	if err := w.sticky.err(); err != nil || w.allDone() {
		w.unlock()
		return err
	}
	return w.await(began)
}

// unlock gives up the lock. What is pending has a leader whenever nobody holds the lock,
// or somebody who waits for the log. Then it tells what there is to tell of what was done under the lock;
// what is told of batches is for their leader to tell.
func (w *WAL) unlock() {
	if w.open.pending() && w.leader.take() {
		go w.lead()
	}
	owes := w.owes || w.sticky.err() != nil
	w.owes = false
	w.writer.Unlock()
	if owes {
		w.tell()
	}
}

// add encodes a save into the open batch. If it does not fit into the segment,
// the save is written in a new one, and done. The lock is held, and given up
// while waiting.
func (w *WAL) add(s *save) (done bool, err error) {
	for {
		for w.leader.taken && len(w.open.enc.buf) > maxBatch {
			w.room.Wait()
		}
		if err := w.sticky.err(); err != nil {
			return false, err
		}
		if s.control.kind != 0 && !w.open.enc.trailered {
			// etcd wrote the end of the log, and has no such record; the next segment is ours.
			if err := w.cutWhenIdle(); err != nil {
				return false, err
			}
			continue
		}
		if w.bare {
			if w.leader.taken {
				w.leader.awaitVacant()
				continue
			}
			if err := w.makeRoom(); err != nil {
				return false, shortage(err)
			}
		}
		m := w.open.mark()
		begin := w.open.enc.end()
		last, err := w.open.encode(s, w.appended, w.types)
		if err != nil {
			return false, err
		}
		// A save that does not fit goes into the next segment whole, so a save
		// never grows a file; only one that is larger than a segment does.
		if w.open.enc.end() <= w.opts.segmentSize || begin <= w.headerEnd {
			w.accept(w.open, s, last)
			return false, nil
		}
		w.open.back(m)
		if !w.leader.taken {
			return true, w.cut(s)
		}
		w.leader.awaitVacant()
	}
}

// cutWhenIdle goes on to a new segment, or only waits until it can be done. The lock is held.
func (w *WAL) cutWhenIdle() error {
	if w.leader.taken {
		w.leader.awaitVacant()
		return nil
	}
	return w.cut(nil)
}

// accept counts a save that was encoded last into a batch, and moves the head behind it.
func (w *WAL) accept(b *batch, s *save, last uint64) {
	w.appended.last = last
	if s.st != nil {
		w.appended.state = overwrite(w.appended.state, b.enc.data)
	}
	b.sync = b.sync || !s.lazy && !w.opts.noSync
	b.saves++
	b.entries += len(s.ents)
}

// quiesce waits until nobody leads, and flushes the open batch. The lock is
// held, and not given up any more once nobody leads: what follows has the log to itself.
func (w *WAL) quiesce() error {
	w.leader.awaitVacant()
	if err := w.sticky.err(); err != nil {
		w.failPending(err)
		return err
	}
	if !w.open.pending() {
		return nil
	}
	f := w.take()
	return w.recycle(f, w.perform(f))
}

// flushNow writes the open batch and syncs, without giving up the lock. Nobody leads.
func (w *WAL) flushNow() error {
	w.open.sync = true
	f := w.take()
	return w.recycle(f, w.perform(f))
}

// Sync puts everything that was saved on stable storage. It is only needed
// with WithNoSync, or after saves of a state whose MustSync said no.
func (w *WAL) Sync() error {
	began := w.now()
	w.writer.Lock()
	if w.sticky.err() == nil && (w.unsynced || len(w.open.enc.buf) > 0) {
		w.open.sync = true
	}
	return w.awaitAll(began)
}
