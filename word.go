package wal

// The length word that every frame begins with.

const (
	wordPadded   = 1 << 63
	wordPadShift = 56
	wordLenMask  = 1<<56 - 1
)

func padding(n int64) int64 { return -n & (wordSize - 1) }

func makeWord(n int64) uint64 {
	pad := uint64(padding(n))
	if pad == 0 {
		return uint64(n)
	}
	return uint64(n) | wordPadded | pad<<wordPadShift
}

// wordOK tells whether w is the length word of some record.
func wordOK(w uint64) bool { return w == makeWord(int64(w&wordLenMask)) && w&wordLenMask != 0 }

// frameSize is the size of the frame that a length word claims, be it damaged or not.
func frameSize(w uint64) int64 {
	n := int64(w & wordLenMask)
	return wordSize + n + padding(n)
}
