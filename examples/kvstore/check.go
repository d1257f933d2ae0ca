package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// saveName returns the name of a save of the demo: its round, goroutine, and number.
func saveName(round, writer, n int) string { return fmt.Sprintf("r%d/w%d/%05d", round, writer, n) }

// writerOf returns the part of a save's name that all saves of its goroutine share.
func writerOf(save string) string { return save[:strings.LastIndexByte(save, '/')] }

// demoSave returns the pairs of a save. They follow from its name, so the name is enough to check
// whether they are intact.
func demoSave(name string) []*Entry {
	pairs := make([]*Entry, demoPairs)
	for i := range pairs {
		key := fmt.Sprintf("%s/%d", name, i)
		pairs[i] = Put(key, demoValue(key))
	}
	return pairs
}

func demoValue(key string) string { return strings.Repeat("value of "+key+". ", 5) }

// ledger holds the names of the saves that must be in the store: those that were acknowledged, and
// those that were found there after an earlier kill.
type ledger map[string]bool

// finding is the result of a comparison.
type finding struct {
	recovered int // how many saves came since the last comparison
	inFlight  int // how many of them were not acknowledged
	problems  []string
}

// compare checks that a store holds what the last comparison found and what was acknowledged since
// then, and besides at most one save of each goroutine: the one after those that were acknowledged.
// It adds what it finds to the ledger.
func (l ledger) compare(acknowledged []string, t Table) finding {
	var f finding
	problem := func(format string, args ...any) {
		f.problems = append(f.problems, fmt.Sprintf(format, args...))
	}

	next := make(map[string]int) // per goroutine: the number of its next save
	must := maps.Clone(l)
	for _, name := range acknowledged {
		must[name] = true
		next[writerOf(name)]++
	}
	found := wholeSaves(t, problem)
	for _, name := range slices.Sorted(maps.Keys(must)) {
		if !found[name] {
			problem("save %s was acknowledged, and is not there", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !l[name] {
			f.recovered++
		}
		if must[name] {
			continue
		}
		f.inFlight++
		if w := writerOf(name); name != fmt.Sprintf("%s/%05d", w, next[w]) {
			problem("save %s is there, and cannot have been in flight", name)
		}
	}
	maps.Copy(l, must)
	maps.Copy(l, found)
	return f
}

// wholeSaves returns the names of the saves whose pairs are all in the table and intact.
func wholeSaves(t Table, problem func(format string, args ...any)) map[string]bool {
	count := make(map[string]int)
	for _, key := range t.Keys("") {
		if t.Pairs[key] != demoValue(key) {
			problem("%s has the value %.60q", key, t.Pairs[key])
			continue
		}
		if i := strings.LastIndexByte(key, '/'); i > 0 {
			count[key[:i]]++
		}
	}
	whole := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(count)) {
		if count[name] == demoPairs {
			whole[name] = true
		} else {
			problem("of save %s only %d pairs of %d are there", name, count[name], demoPairs)
		}
	}
	return whole
}
