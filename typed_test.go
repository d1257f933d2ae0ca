package wal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/walpb"
)

func TestAsOfNoIterationHasNoEntries(t *testing.T) {
	for ent, err := range As[*walpb.Entry](nil) {
		require.Fail(t, "an entry of nothing", "%v, %v", ent, err)
	}
}
