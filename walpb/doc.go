// Package walpb has the wire format of the log's records, and the record types that a log holds if
// no others are registered.
//
// [ParseRecord] and the Append functions decode and encode the Record message, which frames every
// payload. [Entry], [HardState] and [Snapshot] are plain structs with the same encoding as etcd's
// raftpb.Entry, raftpb.HardState and walpb.Snapshot: either reads what the other wrote.
// record.proto documents all of them as protobuf messages.
//
// Every error of decoding is an [ErrMalformed].
package walpb
