package wal

import "time"

// How saves become durable
//
// Under the writer's lock, a save is encoded into the open batch: that gives it its position in the
// log. Then the leader, of which there is at most one, writes the batch with one write and one
// sync, without the lock. Saves that come meanwhile collect in the next open batch and share its
// sync.
//
// A caller that finds no leader leads for one batch, which usually is its own save alone. If there
// is more to write by then, a goroutine leads on, batch by batch. leader.go has the states.

// maxBatch is how large the open batch may grow, in bytes, while another one is being written: a
// save that finds it larger waits. It bounds the memory that Append takes.
const maxBatch = 1 << 20

// commit saves s and returns when it is durable, if it has to be. An error is either final, or a
// mistake of the caller's or a shortage: then nothing was written, and the log goes on.
func (w *WAL) commit(s *save) error {
	began := w.now()
	w.writer.Lock()
	done, err := w.addOrUnlock(s)
	if done || err != nil {
		return err
	}
	if w.delays(s) {
		w.unlock()
		return nil
	}
	return w.await(began)
}

// addOrUnlock calls add, and gives up the lock unless the save is in the open batch. It does so
// even when a method of a record ends the goroutine.
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

// await returns when the open batch is durable. It gives up the lock, which is held. If nobody
// leads, the caller leads for this batch. Otherwise it joins the batch, as it does if another call
// waits for exclusive use: that one flushes the batch or starts a leader for it.
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

// allDone reports whether everything that is encoded is written, and durable if its saves require
// it. The lock is held, and the log has not failed.
func (w *WAL) allDone() bool { return !w.leader.taken && !w.open.pending() }

// awaitAll returns when everything that is encoded is written, and durable if its saves require it.
// It gives up the lock, which is held. Calls that find nothing to do end with awaitAll: what they
// found may come from a save that is still under way, which a crash or a failing disk can take
// back. Such a caller joins the open batch, even if that batch stays empty.
func (w *WAL) awaitAll(began time.Time) error {
	if err := w.sticky.err(); err != nil || w.allDone() {
		w.unlock()
		return err
	}
	return w.await(began)
}

// unlock gives up the lock. Whenever the lock is free, a pending batch has a leader, or a caller
// that waits for exclusive use, or a timer: so unlock starts a leader if one is needed. Then it
// tells the events of what was done under the lock. The events of batches are told by their leader.
func (w *WAL) unlock() {
	if w.due() && w.leader.take() {
		go w.lead()
	}
	owes := w.owes || w.sticky.err() != nil
	w.owes = false
	w.writer.Unlock()
	if owes {
		w.tell()
	}
}

// add encodes a save into the open batch. If the save does not fit into the segment, add writes it
// to a new one and reports it done. The lock is held, and given up while waiting.
func (w *WAL) add(s *save) (done bool, err error) {
	for {
		for w.leader.taken && len(w.open.enc.buf) > maxBatch {
			w.room.Wait()
		}
		if err := w.sticky.err(); err != nil {
			return false, err
		}
		if s.control.kind != 0 && !w.open.enc.trailered {
			// The last segment is plain, and etcd has no control records: begin a trailered one.
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
		p := w.open.savepoint()
		begin := w.open.enc.end()
		last, err := w.open.encode(s, w.appended, w.types)
		if err != nil {
			return false, err
		}
		// A save that does not fit goes whole into the next segment, so only a save that is larger than a
		// segment grows a file.
		if w.open.enc.end() <= w.opts.segmentSize || begin <= w.headerEnd {
			w.accept(w.open, s, last)
			return false, nil
		}
		w.open.back(p)
		if !w.leader.taken {
			return true, w.cut(s)
		}
		w.leader.awaitVacant()
	}
}

// cutWhenIdle goes on to a new segment if nobody leads. Otherwise it only waits until nobody does,
// and the caller has to try again. The lock is held.
func (w *WAL) cutWhenIdle() error {
	if w.leader.taken {
		w.leader.awaitVacant()
		return nil
	}
	return w.cut(nil)
}

// accept counts a save that was encoded into batch b last, and moves w.appended to its end. last is
// the last index behind the save. The lock is held.
func (w *WAL) accept(b *batch, s *save, last uint64) {
	w.appended.last = last
	if s.st != nil {
		w.appended.state = overwrite(w.appended.state, b.enc.data)
	}
	b.sync = b.sync || !s.lazy && !w.opts.noSync
	b.saves++
	b.entries += len(s.ents)
}

// quiesce waits until nobody leads, and flushes the open batch. The lock is held, and is not given
// up any more once nobody leads: the caller has exclusive use.
func (w *WAL) quiesce() error {
	w.leader.awaitVacant()
	if err := w.sticky.err(); err != nil {
		w.failPending(err)
		return err
	}
	if !w.open.pending() {
		return nil
	}
	f := w.takeBatch()
	return w.recycle(f, w.perform(f))
}

// flushNow writes the open batch and syncs it, without giving up the lock. Nobody leads.
func (w *WAL) flushNow() error {
	w.open.sync = true
	f := w.takeBatch()
	return w.recycle(f, w.perform(f))
}

// Sync puts everything that was saved on stable storage. It is only needed with [WithNoSync], or
// after saves of a state whose MustSync said no.
func (w *WAL) Sync() error {
	began := w.now()
	w.writer.Lock()
	if w.sticky.err() == nil && (w.unsynced || len(w.open.enc.buf) > 0) {
		w.open.sync = true
	}
	return w.awaitAll(began)
}
