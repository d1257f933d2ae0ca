package wal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/walpb"
)

func TestAs_OfNoIterationIsRefused(t *testing.T) {
	n := 0
	for ent, err := range As[*walpb.Entry](nil) {
		require.Nil(t, ent)
		require.ErrorIs(t, err, ErrInvalidArgument)
		n++
	}
	require.Equal(t, 1, n)
}
