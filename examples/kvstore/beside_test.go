package main

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The commands that read work while another process saves to the store.
func TestReadingBesideASavingStore(t *testing.T) {
	p := newProgram(t)
	p.ok("put", "key", "value")
	cfg := p.config()
	cfg.SegmentSize = 64 << 10
	store, err := Open(cfg)
	require.NoError(t, err)
	for round := range 30 {
		var wait sync.WaitGroup
		wait.Go(func() {
			for n := range 100 {
				e := &Entry{Op: OpPut, Key: fmt.Sprint("other", n), Value: fmt.Sprint(round)}
				if err := store.Save(e); err != nil {
					t.Errorf("save: %v", err)
					return
				}
			}
		})
		require.Equal(t, "value\n", p.ok("get", "key"))
		require.Contains(t, p.ok("list"), "key\tvalue\n")
		require.NotContains(t, p.ok("log", "-records"), "corrupt")
		wait.Wait()
		if round%10 == 9 {
			_, _, err := store.Snapshot()
			require.NoError(t, err)
		}
	}
	require.NoError(t, store.Close())
}
