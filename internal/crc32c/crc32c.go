// Package crc32c has the algebra of CRC-32C, the Castagnoli polynomial. The register, its first bit
// at the top, is a polynomial over GF(2) modulo that of the code, and each bit that passes
// multiplies it by x. So zeros are passed, and a flipped bit is found, without a look at the bytes.
package crc32c

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Update goes on with a running checksum over bytes.
func Update(before uint32, b []byte) uint32 { return crc32.Update(before, castagnoli, b) }

const (
	poly = 0x82f63b78 // Castagnoli, reflected
	one  = 1 << 31    // the polynomial 1
	x    = one >> 1
	// period is the smallest n above 0 for which x to the power of n is 1. Flips that are so many
	// bits apart look alike.
	period = 1<<31 - 1
)

// mul multiplies two polynomials.
func mul(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ poly&-(b&1)
	}
	return product
}

// power returns x to the power of n.
func power(n int64) (result uint32) {
	result = one
	for square := uint32(x); n > 0; n >>= 1 {
		if n&1 != 0 {
			result = mul(result, square)
		}
		square = mul(square, square)
	}
	return result
}

// Zeros returns the checksum of what has the checksum sum, and n zeros behind it.
func Zeros(sum uint32, n int64) uint32 { return ^mul(^sum, power(8*n)) }

// Flip returns the change of a checksum when a bit is flipped that has as many bits after it as
// behind says.
func Flip(behind int64) uint32 { return power(32 + behind) }

// FlippedBit finds the bit in n bytes of data whose flip changes their checksum by diff. ok is
// false if no bit fits, or more than one.
//
// diff is then a power of x, by Flip. To find which, it is looked up among the first s of them,
// then diff divided by x^s, and so on. s is the root of the number of bits, so there are at most s
// steps, and not one for each bit.
func FlippedBit(diff uint32, n int64) (bit int64, ok bool) {
	bits := 8 * n
	s := int64(1)
	for s*s < bits {
		s++
	}
	small := make(map[uint32]int64, s)
	p := power(32)
	for i := range s {
		small[p] = i
		p = mul(p, x)
	}
	divisor := power(period - s%period)
	for behind := int64(0); behind < bits; behind += s {
		if i, is := small[diff]; is {
			behind += i
			return bits - 1 - behind, behind < bits && behind+period >= bits
		}
		diff = mul(diff, divisor)
	}
	return 0, false
}
