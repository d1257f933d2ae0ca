package crashmodel

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// Plan is how thoroughly a test goes about it.
type Plan struct {
	Seed   uint64
	Images int64  // in all
	Each   int    // images picked at a moment
	All    uint64 // moments with up to so many images have all of them tried
}

// Long reports whether more is asked for than what every run of the tests does.
func (p Plan) Long() bool { return p.Each > 1 }

// Random returns a source for one thing, the same for the same seed and names.
func (p Plan) Random(names ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, names...)
	return rand.New(rand.NewPCG(p.Seed, h.Sum64()))
}
