package snap

import (
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// A .snap file of etcd is one message, with the CRC-32C of its second field in the first one, and
// that second field is a raftpb.Snapshot, with the data in it.
const (
	etcdSum      = 1
	etcdSnapshot = 2
)

// openEtcd returns a Reader of a .snap file. It holds the file in memory, as etcd does.
func openEtcd(f vfs.File) (*Reader, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), b); err != nil {
		return nil, cut(err)
	}
	want, snapshot, err := etcdFields(b)
	switch {
	case err != nil:
		return nil, corrupt("it cannot be decoded: " + err.Error())
	case len(snapshot) == 0:
		return nil, corrupt("there is nothing in it")
	case uint64(crc32.Checksum(snapshot, castagnoli)) != want:
		return nil, corrupt("the checksum does not match")
	}
	var s raftpb.Snapshot
	if err := proto.Unmarshal(snapshot, &s); err != nil {
		return nil, corrupt("the snapshot in it cannot be decoded: " + err.Error())
	}
	m := s.GetMetadata()
	meta := Meta{Index: m.GetIndex(), Term: m.GetTerm(), ConfState: m.GetConfState()}
	return &Reader{meta: meta, size: size, file: f, left: s.GetData(), err: io.EOF}, nil
}

// etcdFields returns the two fields of a .snap file.
func etcdFields(b []byte) (sum uint64, snapshot []byte, err error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, nil, protowire.ParseError(n)
		}
		b = b[n:]
		switch {
		case num == etcdSum && typ == protowire.VarintType:
			sum, n = protowire.ConsumeVarint(b)
		case num == etcdSnapshot && typ == protowire.BytesType:
			snapshot, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return 0, nil, protowire.ParseError(n)
		}
		b = b[n:]
	}
	return sum, snapshot, nil
}
