// Package storagetest tests what keeps the state of a node of go.etcd.io/raft/v3: whether it is the
// raft.Storage that raft's documentation describes, and whether what was saved outlasts a crash.
//
// A test of a store is a call of Run:
//
//	func TestStore(t *testing.T) {
//		storagetest.Run(t, func(dir string) (storagetest.Store, error) { return mystore.Open(dir) })
//	}
//
// Each Check cites the sentence of raft's documentation that it stands on. Most of them do the same
// to the store and to a raft.MemoryStorage, and compare all that raft can ask of the two. Those
// that a crash or an opening comes into copy the files of the open store, as a process that is
// killed leaves them, and open the copy. What a machine loses that loses its power needs a
// simulated disk below the store, and is not tested.
//
// The last check draws lives of a node at random: WAL_TEST_LIVES says how many, and WAL_TEST_SEED
// is the seed of the first, which a failure prints.
package storagetest
