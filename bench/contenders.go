package main

// Names of the contenders that others are compared with.
const (
	nameOurs     = "this library"
	nameEtcd     = "etcd wal"
	nameChannel  = "etcd wal + channel"
	nameFloor    = "floor"
	nameDirect   = "floor, direct"
	nameBareRead = "floor, bare read"
)

// contenders are all there are, in the order in which the report has them.
func contenders() []contender {
	return []contender{
		ours(),
		etcd(),
		etcdChannel(),
		raftWAL(),
		tidwall(),
		rosed(),
		bolt(),
		pebbleDB(),
		bareLoop(),
		directLoop(),
		bareRead(),
	}
}
