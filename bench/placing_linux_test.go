package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTheWriterHasACoreOfItsOwn(t *testing.T) {
	p, err := coresApart()
	if err != nil {
		require.ErrorIs(t, err, errUnsupported)
		t.Skip(err)
	}
	var before, writer, others, after unix.CPUSet
	in := func(place func(func() error) error, cores *unix.CPUSet) {
		done := make(chan error)
		go func() { done <- place(func() error { return unix.SchedGetaffinity(0, cores) }) }()
		require.NoError(t, <-done)
	}
	anywhere := func(f func() error) error { return f() }
	in(anywhere, &before)
	back, err := p.clear()
	require.NoError(t, err)
	in(p.onWritersCore, &writer)
	in(anywhere, &others)
	require.NoError(t, back())
	in(anywhere, &after)
	require.Equal(t, 1, writer.Count())
	require.Equal(t, before.Count()-1, others.Count())
	for core := range len(before) * 64 {
		require.False(t, writer.IsSet(core) && others.IsSet(core), "core %d", core)
	}
	require.Equal(t, before, after)
}
