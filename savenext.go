package wal

import "github.com/seed449c39bc/wal/log"

// SaveNext saves entries as SaveEntry does, behind the last one, and gives them their indexes: the
// first one that of the last entry or snapshot plus one, and so on. It returns the first one's. So
// callers need not count, and several goroutines may save at once: each gets indexes of its own, in
// the order of the saves. The entries must have SetIndex of [log.IndexSetter], as [log.JSON] has; else
// the error is [ErrInvalidArgument]. With any error that is not [ErrFailed] nothing was
// written, and the indexes that the entries have got are void. Of no entries it saves nothing, and
// returns the index that the next one will get.
func (w *WAL) SaveNext(ents ...log.LogEntry) (first uint64, err error) {
	s := save{ents: ents, next: true}
	if len(ents) == 0 {
		w.writer.Lock()
		defer w.unlock()
		return w.head.last + 1, w.life.err()
	}
	if err := w.commit(&s); err != nil {
		return 0, err
	}
	return s.first, nil
}

// AppendNext is SaveNext in two halves, as [WAL.Append] is Save.
func (w *WAL) AppendNext(ents ...log.LogEntry) (first uint64, p *Pending, err error) {
	s := save{ents: ents, next: true}
	if p, err = w.appendSave(&s); err != nil {
		return 0, nil, err
	}
	return s.first, p, nil
}
