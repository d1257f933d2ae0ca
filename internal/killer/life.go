package killer

import "fmt"

// Life is what a child is told of its life.
type Life struct {
	Dir   string
	Round uint64 // the ids of its calls begin with it
	Seed  uint64
}

// String returns the life as ParseLife takes it.
func (l Life) String() string { return fmt.Sprintf("%d %d %s", l.Round, l.Seed, l.Dir) }

// ParseLife returns the life that String has put into words. The directory has no spaces.
func ParseLife(s string) (l Life, err error) {
	_, err = fmt.Sscanf(s, "%d %d %s", &l.Round, &l.Seed, &l.Dir)
	return l, err
}
