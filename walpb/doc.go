// Package walpb is the wire format of the log's records, and the record types
// that a log holds when no others are registered.
//
// [ParseRecord] and the Append functions are the codec of the Record message
// that frames every payload. [Entry], [HardState] and [Snapshot] are plain
// structs with the same encoding as etcd's raftpb.Entry, raftpb.HardState and
// walpb.Snapshot: either reads what the other wrote. record.proto documents
// both as protobuf messages.
//
// Every error of decoding is an [ErrMalformed].
package walpb
