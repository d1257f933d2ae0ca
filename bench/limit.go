package main

import (
	"fmt"
	"slices"
)

// A limit is what a rented disk may do in a second. Zero stands for no limit.
type limit struct {
	bytes  int64 // written in a second
	writes int64 // in a second, the flushes of the disk's cache among them
}

// These are the limits under which the saving workloads run once more.
var (
	bandwidthLimit = limit{bytes: 60e6}
	writesLimit    = limit{writes: 3000}
)

// limitedLonger is how many times as long a limited run takes as one without a limit, so that it
// has enough saves for a p99.9.
const limitedLonger = 2

// words describes a limit as a heading begins.
func (l limit) words() string {
	if l.writes > 0 {
		return groups(fmt.Sprint(l.writes)) + " writes/s"
	}
	return fmt.Sprintf("%d MB/s", l.bytes/1e6)
}

// suffix is what the name of a workload under the limit ends with.
func (l limit) suffix() string {
	if l.writes > 0 {
		return fmt.Sprintf("-%diops", l.writes)
	}
	return fmt.Sprintf("-%dmbs", l.bytes/1e6)
}

// under returns the workload as it runs on a disk with the limit.
func (w workload) under(l limit) workload {
	w.limit = l
	w.name += l.suffix()
	w.title = l.words() + ": " + w.title
	w.about += " The kernel lets the program write no more than " + l.words() +
		", the warm-up included; opening and closing are not limited."
	return w
}

// limited returns the workloads with the given names under every limit.
func limited(list []workload, names ...string) (all []workload) {
	for _, l := range []limit{bandwidthLimit, writesLimit} {
		for _, w := range list {
			if slices.Contains(names, w.name) {
				all = append(all, w.under(l))
			}
		}
	}
	return all
}

// These are the values of the flag -limits.
const (
	limitsAuto = "auto"
	limitsOnly = "only"
	limitsNone = "none"
)

// filterLimits returns the workloads that a value of the flag -limits asks for.
func filterLimits(list []workload, limits string) ([]workload, error) {
	if !slices.Contains([]string{limitsAuto, limitsOnly, limitsNone}, limits) {
		return nil, fmt.Errorf("-limits is %s, %s or %s, not %q", limitsAuto, limitsOnly, limitsNone,
			limits)
	}
	return slices.DeleteFunc(slices.Clone(list), func(w workload) bool {
		return limits == limitsOnly && w.limit == limit{} ||
			limits == limitsNone && w.limit != limit{}
	}), nil
}
