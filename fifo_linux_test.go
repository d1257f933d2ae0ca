package wal

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A pipe in the place of a segment is an error of every reader, and is not waited for.
func TestFIFO_ReadersDoNotWait(t *testing.T) {
	for place, of := range map[string]func(segments []string) string{
		"the first segment": func(s []string) string { return s[0] },
		"the last segment":  func(s []string) string { return s[len(s)-1] },
	} {
		dir, _ := strayLog(t)
		path := of(segmentsOf(t, dir))
		require.NoError(t, os.Remove(path))
		require.NoError(t, syscall.Mkfifo(path, 0o600))
		for name, read := range readers {
			t.Run(place+"/"+name, func(t *testing.T) {
				done := make(chan error, 1)
				go func() {
					_, err := read(dir)
					done <- err
				}()
				select {
				case err := <-done:
					require.ErrorContains(t, err, filepath.Base(path))
					require.ErrorContains(t, err, "not a regular file")
				case <-time.After(time.Minute):
					t.Fatal("the reader hangs")
				}
			})
		}
	}
}
