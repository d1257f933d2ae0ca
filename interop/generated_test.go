package interop

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The other tests prove something only about what the generated logs contain.
func TestGeneratedLogsHaveAllThatALogCanHave(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	note := func(what string, there bool) {
		mu.Lock()
		defer mu.Unlock()
		if there {
			seen[what]++
		}
	}
	forSeeds(t, func(t *testing.T, seed uint64) {
		h, dir := generate(seed, 40), newDir(t)
		writeEtcd(t, dir, h)
		note("more than three segments", len(segments(t, dir)) > 3)
		note("nil metadata", h.metadata == nil)
		note("empty metadata", h.metadata != nil && len(h.metadata) == 0)
		note("metadata larger than a segment", len(h.metadata) > segmentSize)
		last := uint64(0)
		for _, o := range h.ops {
			note("a state alone", o.state != nil && o.ents == nil)
			note("entries alone", o.state == nil && o.ents != nil)
			note("both", o.state != nil && o.ents != nil)
			note("opened again", o.reopen)
			note("a snapshot of what is there", o.snap != nil && o.snap.Index < last)
			note("a snapshot ahead of the log", o.snap != nil && o.snap.Index > last)
			for _, e := range o.ents {
				note("an overwrite", e.Index <= last)
				note("an entry without data", e.Data == nil)
				note("an entry with empty data", e.Data != nil && len(e.Data) == 0)
				note("an entry larger than a segment", len(e.Data) > segmentSize)
				last = e.Index
			}
		}
	})
	for _, what := range []string{
		"more than three segments", "nil metadata", "empty metadata", "metadata larger than a segment",
		"a state alone", "entries alone", "both", "opened again",
		"a snapshot of what is there", "a snapshot ahead of the log",
		"an overwrite", "an entry without data", "an entry with empty data",
		"an entry larger than a segment",
	} {
		require.Positive(t, seen[what], what)
	}
}
