package oracle_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
)

// at makes a segment that begins with zeros and then a frame at 8.
func at(f oracle.Frame) *oracle.Scene {
	return &oracle.Scene{Segment: append(make([]byte, 8), f.Written(3, 8)...), Seq: 3, Off: 8,
		Trailered: f.Trailered}
}

func TestFrame_WhatIsWrittenIsRead(t *testing.T) {
	for _, trailered := range []bool{true, false} {
		data := []byte("some data")
		f := oracle.Frame{Type: int64(log.EntryType), CRC: oracle.CRC(0, data), Data: data,
			Trailered: trailered}
		s := at(f)
		got, ok := oracle.ReadFrame(s.Segment, 3, 8)
		require.True(t, ok)
		require.Equal(t, data, got.Data)
		require.Equal(t, len(s.Segment)-8, got.Size)
		require.Zero(t, got.Size%8)
		_, ok = oracle.ReadFrame(s.Segment, 4, 8)
		require.Equal(t, !trailered, ok, "only a trailer covers the number of the segment")
	}
}

func TestScene_EachFlippedBitIsFound(t *testing.T) {
	data := []byte("some data")
	s := at(oracle.Frame{Type: int64(log.EntryType), CRC: oracle.CRC(0, data), Data: data,
		Trailered: true})
	intact := bytes.Clone(s.Segment)
	for bit := 8 * s.Off; bit < 8*len(intact); bit++ {
		s.Segment[bit/8] ^= 1 << (bit % 8)
		found, size, ok := s.Flip()
		require.True(t, ok, "bit %d", bit)
		require.Equal(t, bit, found)
		require.Equal(t, len(intact)-s.Off, size)
		copy(s.Segment, intact)
	}
}

func TestSparsityOf_CountsSectorsWithFewBits(t *testing.T) {
	b := make([]byte, 1024)
	require.EqualValues(t, 4, oracle.SparsityOf(b, 0))
	b[600] = 1
	require.EqualValues(t, 3, oracle.SparsityOf(b, 0))
	b[601] = 1
	require.EqualValues(t, 2, oracle.SparsityOf(b, 0))
	require.EqualValues(t, 4, oracle.SparsityOf(b, 256), "of three sectors two have no bit set")
}
