// Package log defines the methods that the records of a write-ahead log must have, and registers
// their types.
//
// A log stores three kinds of records for its user: entries, states and snapshots. To store types
// of your own, give them the methods of [LogEntry], [HardState] or [Snapshot], and register one
// type for each kind: for all logs of the process with [RegisterRecord], or for one log with a
// [Registry] of its own. A kind for which nothing is registered has its default, the type of
// package walpb, which is encoded as etcd's is.
package log
