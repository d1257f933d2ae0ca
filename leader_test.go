package wal

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newLeadership returns one with its lock, which is held.
func newLeadership() (*leadership, *sync.Mutex) {
	mu := new(sync.Mutex)
	mu.Lock()
	l := &leadership{}
	l.vacant.L = mu
	return l, mu
}

func TestLeader_OnlyOneCanTakeTheLead(t *testing.T) {
	l, _ := newLeadership()
	require.True(t, l.take())
	require.False(t, l.take())
	require.False(t, l.mustResign(), "nobody waits")
	l.resign()
	require.True(t, l.take(), "it is vacant again")
}

func TestLeader_ExclusiveUseOfAVacantFileNeedsNoWaiting(t *testing.T) {
	l, _ := newLeadership()
	l.awaitVacant()
	require.Zero(t, l.exclusiveWaiters)
	require.True(t, l.take(),
		"the caller leads itself, or starts a leader, before it gives up the lock")
}

// A caller that waits for exclusive use has the leader resign, lets nobody lead meanwhile, and has
// the lock when it stops waiting.
func TestLeader_WhoeverWaitsForExclusiveUseComesNext(t *testing.T) {
	const waiters = 3
	l, mu := newLeadership()
	require.True(t, l.take())
	inUse := 0
	var done sync.WaitGroup
	for range waiters {
		done.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			l.awaitVacant()
			inUse++
			assert.Equal(t, 1, inUse, "nobody else uses the file")
			assert.False(t, l.taken)
			assert.Equal(t, l.exclusiveWaiters == 0, l.take(), "it can lead if no other one waits")
			if l.taken {
				l.resign()
			}
			inUse--
		})
	}
	for l.exclusiveWaiters < waiters {
		mu.Unlock()
		mu.Lock()
	}
	require.True(t, l.mustResign())
	require.False(t, l.take())
	l.resign()
	require.False(t, l.take(), "those who wait come first")
	mu.Unlock()
	done.Wait()
	mu.Lock()
	require.Zero(t, l.exclusiveWaiters)
	require.False(t, l.mustResign())
	require.True(t, l.take())
}
