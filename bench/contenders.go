package main

// These are the names of the contenders.
const (
	nameOurs          = "this library"
	nameOursKept      = "this library, Entries"
	nameOursRecords   = "this library, Records"
	nameOursDelayed   = "this library, WithWriteDelay"
	nameEtcd          = "etcd wal"
	nameChannel       = "etcd wal + channel"
	nameRaftWAL       = "raft-wal"
	nameTidwall       = "tidwall/wal"
	nameTidwallCached = "tidwall, all cached"
	nameRosed         = "rosedb wal"
	nameWlog          = "prometheus wlog"
	nameBolt          = "bbolt"
	namePebble        = "pebble"
	nameFloor         = "floor"
	nameReserved      = "floor, reserved only"
	nameDirect        = "floor, direct"
	nameBareRead      = "floor, bare read"
	nameRaftEtcd      = "etcd wal + MemoryStorage"
	nameRaftOurs      = "this library, etcdraft"
	nameRaftOursAsync = "this library, etcdraft async"
)

// contenders returns all contenders, in the order of the report.
func contenders() []contender {
	return []contender{
		ours(),
		oursKept(),
		oursRecords(),
		oursDelayed(),
		etcd(),
		etcdChannel(),
		raftWAL(),
		tidwall(),
		tidwallCached(),
		rosed(),
		prometheus(),
		bolt(),
		pebbleDB(),
		bareLoop(),
		reservedLoop(),
		directLoop(),
		bareRead(),
		raftOfEtcd(),
		raftOurs(),
		raftOursAsync(),
	}
}
