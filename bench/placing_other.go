//go:build !linux

package main

import "fmt"

// placing has no counterpart here.
type placing struct{}

func coresApart() (placing, error) {
	return placing{}, fmt.Errorf("%w: placing threads on cores is Linux's", errUnsupported)
}

func (placing) apart() bool                        { return false }
func (placing) clear() (func() error, error)       { return func() error { return nil }, nil }
func (placing) onWritersCore(f func() error) error { return f() }
