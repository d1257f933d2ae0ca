package frame

// The length word, with which every frame begins.

const (
	wordPadded   = 1 << 63
	wordPadShift = 56
	wordLenMask  = 1<<56 - 1
)

func Padding(n int64) int64 { return -n & (WordSize - 1) }

func MakeWord(n int64) uint64 {
	pad := uint64(Padding(n))
	if pad == 0 {
		return uint64(n)
	}
	return uint64(n) | wordPadded | pad<<wordPadShift
}

// ValidWord reports whether w is the length word of some record.
func ValidWord(w uint64) bool { return w == MakeWord(int64(w&wordLenMask)) && w&wordLenMask != 0 }

// RecordSize returns the bytes of the record that a length word claims; the word may be damaged.
func RecordSize(w uint64) int64 { return int64(w & wordLenMask) }

// SizeOf returns the bytes of the frame that a length word claims; the word may be damaged.
func SizeOf(w uint64) int64 {
	n := RecordSize(w)
	return WordSize + n + Padding(n)
}
