// Package etcdraft keeps the state of a node of go.etcd.io/raft/v3 in a log of
// github.com/seed449c39bc/wal, which is its only copy.
//
// A node opens its Storage, gives it to raft, and saves each Ready before it sends the messages:
//
//	s, err := etcdraft.Open(lg, dir, etcdraft.Options{Bootstrap: members})
//	node := raft.RestartNode(&raft.Config{Storage: s, ...})
//	for rd := range node.Ready() {
//		if err := s.Save(rd); err != nil { ... } // the node must stop
//		send(rd.Messages)
//		apply(rd.Snapshot, rd.CommittedEntries)
//		node.Advance()
//	}
//
// A new node begins like one that starts again: the members of a new cluster are in
// Options.Bootstrap, so raft.RestartNode serves both. It starts with Config.Applied at the index of
// the newest snapshot, from which the program has restored its state machine. The example of the
// package is a whole node.
//
// With Config.AsyncStorageWrites, Run does the work of the thread that appends.
//
// A snapshot in a message has no data: Snapshot returns which one it is, and a program streams the
// file beside the message, with Send and Put of package snap. A snapshot that comes with data is
// stored all the same.
//
// raft panics when a read of the log fails, and Options.OnError is told why before. docs/RAFT.md
// says how a Ready becomes a save, what a crash between any two steps leaves, and what to watch.
package etcdraft
