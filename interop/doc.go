// Package interop holds the tests that compare this project's log with etcd's
// own WAL package, over generated logs. It has no code of its own.
//
// It is a module apart, so that etcd's server is not among the dependencies of
// those who import the log.
package interop
