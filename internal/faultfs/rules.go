package faultfs

import (
	"errors"
	"slices"
	"strings"
)

// ErrDead is what every call returns once [FS.FailFrom] has come to its count.
var ErrDead = errors.New("the process is dead")

// FailOnce makes the next call of a kind fail, after partial bytes of it if it is a Write.
func (f *FS) FailOnce(kind Kind, partial int, err error) {
	done := false
	f.Fail(func(c Call) (int, error) {
		if done || c.Kind != kind {
			return 0, nil
		}
		done = true
		return partial, err
	})
}

// FailAll makes every call of some kinds fail from now on, for files whose names end with the
// suffix. Half of a Write is written.
func (f *FS) FailAll(suffix string, err error, kinds ...Kind) {
	f.Fail(func(c Call) (int, error) {
		if slices.Contains(kinds, c.Kind) && strings.HasSuffix(c.Name, suffix) {
			return c.N / 2, err
		}
		return 0, nil
	})
}

// FailFrom makes the n-th call from now on, and every one after it, return ErrDead: for the file
// system the process has died. It returns where the calls are counted, also those that fail.
func (f *FS) FailFrom(n int) (calls *int) {
	calls = new(int)
	f.Fail(func(Call) (int, error) {
		if *calls++; *calls >= n {
			return 0, ErrDead
		}
		return 0, nil
	})
	return calls
}
