package wal

import "hash/crc32"

// This file is the algebra of CRC-32C. The register, its first bit at the top, is a polynomial over
// GF(2) modulo that of the code, and each bit that passes multiplies it by x. So zeros are passed, and
// a bit is found, without a look at the bytes.

const (
	crcPoly = 0x82f63b78 // Castagnoli, reflected
	crcOne  = 1 << 31    // the polynomial 1
	crcX    = crcOne >> 1
	// crcPeriod is the smallest power of x, but for 0, that is 1: so many bits apart two flips look alike.
	crcPeriod = 1<<31 - 1
)

// crcMul multiplies two polynomials.
func crcMul(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ crcPoly&-(b&1)
	}
	return product
}

// crcPower returns x to the power of n.
func crcPower(n int64) uint32 {
	power := uint32(crcOne)
	for square := uint32(crcX); n > 0; n >>= 1 {
		if n&1 != 0 {
			power = crcMul(power, square)
		}
		square = crcMul(square, square)
	}
	return power
}

// crcZeros returns the checksum of what has the checksum sum, and n zeros behind it.
func crcZeros(sum uint32, n int64) uint32 { return ^crcMul(^sum, crcPower(8*n)) }

// crcOfFlip returns by what a checksum changes when a bit is flipped, behind which there are more
// bits, as many as behind tells.
func crcOfFlip(behind int64) uint32 { return crcPower(32 + behind) }

// flippedBit finds the bit in n bytes of data whose flip changes their checksum by diff, which is a
// power of x: 32 and the bits behind it. To find the power, diff is compared with the first s powers,
// then diff divided by x^s, and so on: with s the root of the number of bits that is s steps at most,
// and not one for each bit. There is none if it is not the only one.
func flippedBit(diff uint32, n int64) (bit int64, ok bool) {
	bits := 8 * n
	s := int64(1)
	for s*s < bits {
		s++
	}
	small := make(map[uint32]int64, s)
	power := crcPower(32)
	for i := range s {
		small[power] = i
		power = crcMul(power, crcX)
	}
	divisor := crcPower(crcPeriod - s%crcPeriod)
	for behind := int64(0); behind < bits; behind += s {
		if i, is := small[diff]; is {
			behind += i
			return bits - 1 - behind, behind < bits && behind+crcPeriod >= bits
		}
		diff = crcMul(diff, divisor)
	}
	return 0, false
}

// checksum goes on with a running checksum over bytes.
func checksum(before uint32, b []byte) uint32 { return crc32.Update(before, castagnoli, b) }
