package etcdraft

import "sort"

// terms knows the term of every entry. Terms only grow along a log, so a few ranges are enough, and
// no entry has to be read. The first range begins with the entry before the first one of the log,
// of which raft still asks the term.
type terms struct{ ranges []termRange }

// termRange is the entries from first on, up to the next range.
type termRange struct{ first, term uint64 }

// dummy returns the entry before the first one.
func (t *terms) dummy() termRange { return t.ranges[0] }

// reset makes the log an empty one behind the given entry.
func (t *terms) reset(index, term uint64) { t.ranges = []termRange{{index, term}} }

// of returns the term of entry i, which is the dummy's or a later one.
func (t *terms) of(i uint64) uint64 {
	r := t.ranges
	if last := r[len(r)-1]; i >= last.first {
		return last.term
	}
	return r[sort.Search(len(r), func(k int) bool { return r[k].first > i })-1].term
}

// add takes in entry i with its term. Those from i on are gone.
func (t *terms) add(i, term uint64) {
	n := len(t.ranges)
	for n > 1 && t.ranges[n-1].first >= i {
		n--
	}
	t.ranges = t.ranges[:n]
	if t.ranges[n-1].term != term {
		t.ranges = append(t.ranges, termRange{i, term})
	}
}

// compact makes entry i the dummy.
func (t *terms) compact(i uint64) {
	term := t.of(i)
	k := sort.Search(len(t.ranges), func(k int) bool { return t.ranges[k].first > i })
	t.ranges = append([]termRange{{i, term}}, t.ranges[k:]...)
}

// find fills in the entries (dummy, last], whose terms read returns. It reads few of them: where
// the ends of a range have the same term, so has all between them.
func (t *terms) find(last uint64, read func(i uint64) (uint64, error)) error {
	from := t.dummy()
	for from.first < last {
		end, err := read(last)
		if err != nil {
			return err
		}
		if end == from.term {
			return nil
		}
		// The lowest entry with another term than that of from, between it and last.
		low, high := from.first, last
		for high-low > 1 {
			mid := low + (high-low)/2
			term, err := read(mid)
			if err != nil {
				return err
			}
			if term == from.term {
				low = mid
			} else {
				high = mid
			}
		}
		term, err := read(high)
		if err != nil {
			return err
		}
		from = termRange{high, term}
		t.ranges = append(t.ranges, from)
	}
	return nil
}
