package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
)

func TestJobsSurviveEveryEndAndTheLogStaysSmall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	want := map[uint64]string{}
	done := 0
	for life := range 6 {
		q, err := Open(dir, wal.WithSegmentSize(16<<10), wal.WithNoSync())
		require.NoError(t, err)
		require.Equal(t, want, q.jobs)
		for i := range 600 {
			text := fmt.Sprintf("job %d of life %d", i, life)
			number, err := q.Add(text)
			require.NoError(t, err)
			want[number] = text
			if i%7 > 0 { // some wait for ever
				require.NoError(t, q.Done(number))
				delete(want, number)
				done++
			}
		}
		require.Less(t, q.log.LastIndex()-q.log.FirstIndex(), uint64(2*compactAfter))
		require.Less(t, q.log.Stats().Segments, 12)
		q.log.Abandon() // as a crash of the process
	}
	require.Greater(t, done, compactAfter)
}

func TestTheProgramKeepsJobsBetweenItsRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	call := func(args ...string) string {
		var out bytes.Buffer
		require.NoError(t, run(append([]string{dir}, args...), &out), args)
		return out.String()
	}
	require.Equal(t, "1\n", call("add", "feed the cat"))
	require.Equal(t, "2\n", call("add", "water the plants"))
	require.Equal(t, "1\tfeed the cat\n", call("next"))
	call("done", "1")
	require.Equal(t, "2\twater the plants\n", call("next"))
	call("done", "2")
	require.ErrorContains(t, run([]string{dir, "next"}, nil), "no job waits")
	require.ErrorContains(t, run([]string{dir, "done", "2"}, nil), "no job 2 waits")
	for _, args := range [][]string{nil, {dir}, {dir, "add"}, {dir, "fly", "x"}, {dir, "done", "x"},
		{"", "next"}} {
		require.ErrorIs(t, run(args, nil), errUsage)
	}
}
