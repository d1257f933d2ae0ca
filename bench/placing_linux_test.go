package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWriterAndReadersAreApart(t *testing.T) {
	p, err := coresApart()
	if err != nil {
		require.ErrorIs(t, err, errUnsupported)
		t.Skip(err)
	}
	var all, writer, readers unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &all))
	done := make(chan error, 2)
	go func() { done <- p.onWritersCore(func() error { return unix.SchedGetaffinity(0, &writer) }) }()
	go func() { done <- p.onReadersCores(func() error { return unix.SchedGetaffinity(0, &readers) }) }()
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Equal(t, 1, writer.Count())
	require.Equal(t, all.Count()-1, readers.Count())
	for core := range len(all) * 64 {
		require.False(t, writer.IsSet(core) && readers.IsSet(core), "core %d", core)
	}
}
