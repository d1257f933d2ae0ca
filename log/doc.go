// Package log says what the records of a write-ahead log must be able to do, and
// keeps the types that they have.
//
// A log stores three kinds of records of the user's: entries, states and
// snapshots. To store own types, give them the methods of [LogEntry],
// [HardState] or [Snapshot] and register one of each, for all logs of the
// process with [RegisterRecord], or for one log with a [Registry] of its own.
// What is not registered keeps its default: the types of package walpb, which
// are encoded as etcd's are.
package log
