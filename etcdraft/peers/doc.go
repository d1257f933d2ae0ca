// Package peers runs the checks of storagetest on what else raft's users keep its log in: raft's
// own MemoryStorage, and etcd's write-ahead log with its snapshots, put together as etcd's example
// and as its server have it. It has only tests, and a module of its own for what they depend on.
package peers
