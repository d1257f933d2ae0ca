package wal

import "bytes"

// zeroBlock is what prepared space is compared with, a block at a time: the runtime compares blocks
// several times as fast as a loop over their words.
var zeroBlock [4 << 10]byte

// leadingZeros returns how many bytes at the beginning of b are zeros.
func leadingZeros(b []byte) (n int) {
	for len(b)-n >= len(zeroBlock) && bytes.Equal(b[n:n+len(zeroBlock)], zeroBlock[:]) {
		n += len(zeroBlock)
	}
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}

// trimZeros returns b without the zeros at its end.
func trimZeros(b []byte) []byte {
	n := len(b)
	for n >= len(zeroBlock) && bytes.Equal(b[n-len(zeroBlock):n], zeroBlock[:]) {
		n -= len(zeroBlock)
	}
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return b[:n]
}
