package interop

import (
	"os"
	"testing"

	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
)

// segmentSize is the size of a segment in both implementations, in bytes. It is small, so that a
// short log has many segments.
const segmentSize = 4096

func TestMain(m *testing.M) {
	etcdwal.SegmentSizeBytes = segmentSize
	os.Exit(m.Run())
}
