package etcdraft_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
)

// filled returns a Storage with count entries of 128 B, of a new term every thousand.
func filled(b *testing.B, dir string, count uint64) *etcdraft.Storage {
	b.Helper()
	s, err := etcdraft.Open(nil, dir, etcdraft.Options{WAL: []wal.Option{wal.WithNoSync()}})
	require.NoError(b, err)
	for i := uint64(1); i <= count; i += 1000 {
		save(b, s, entries(i, min(i+999, count), i/1000+1, 128))
	}
	return s
}

func BenchmarkIndexes(b *testing.B) {
	s := filled(b, b.TempDir(), 100_000)
	defer s.Close()
	b.Run("Term", func(b *testing.B) {
		b.ReportAllocs()
		for i := uint64(0); b.Loop(); i++ {
			_, _ = s.Term(i%100_000 + 1)
		}
	})
	b.Run("Term of the last", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.Term(100_000)
		}
	})
	b.Run("FirstIndex", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.FirstIndex()
		}
	})
	b.Run("LastIndex", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.LastIndex()
		}
	})
}

// BenchmarkEntries reads 64 entries: of the tail, of a raft.MemoryStorage, and of the log.
func BenchmarkEntries(b *testing.B) {
	s := filled(b, b.TempDir(), 100_000)
	defer s.Close()
	m := raft.NewMemoryStorage()
	require.NoError(b, m.Append(entries(1, 10_000, 1, 128)))
	for name, c := range map[string]struct {
		s  raft.Storage
		lo uint64
	}{"tail": {s, 99_900}, "MemoryStorage": {m, 9_900}, "log": {s, 1_000}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ents, err := c.s.Entries(c.lo, c.lo+64, 1<<20)
				if err != nil || len(ents) != 64 {
					b.Fatal(len(ents), err)
				}
			}
		})
	}
}

// BenchmarkOpen opens a log with 500,000 entries, as a Storage and as a log.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "node")
	require.NoError(b, filled(b, dir, 500_000).Close())
	for range 2 { // interleaved: the first opens are slower
		b.Run("Storage", func(b *testing.B) {
			for b.Loop() {
				s, err := etcdraft.Open(nil, dir, etcdraft.Options{})
				require.NoError(b, err)
				require.NoError(b, s.Close())
			}
		})
		b.Run("log", func(b *testing.B) {
			for b.Loop() {
				w, err := wal.Open(nil, dir, nil)
				require.NoError(b, err)
				require.NoError(b, w.Close())
			}
		})
	}
}
