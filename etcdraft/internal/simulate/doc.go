// Package simulate runs a cluster of raft nodes in one goroutine, each with an etcdraft.Storage on
// a simulated disk of its own. Time, messages, crashes and all else that may happen come from a
// seed, and the same seed is the same life, step by step.
//
// In a life, messages are dropped, doubled and delayed, the cluster is partitioned, nodes die at
// any call on their disk and lose what was not synced, members come and go, nodes that are far
// behind receive snapshots, and the disk of one node rots. Run watches what raft promises: a term
// has one leader; what one node applied at an index, all do; no node goes back behind its vote;
// every node starts again, unless its disk has rotted. In the end all is healed, and the logs must
// agree.
//
// A life is exact although the log has goroutines. There are three kinds. The one that prepares
// segments works on files that nothing else touches, and what a crash leaves is chosen by the names
// of files, not by the order of changes. The one that writes what Append has begun is held before
// each write and each sync, until the life lets one of them happen. And raft's own clock for
// elections, which has true randomness, is never reached: the seed says who campaigns.
package simulate
