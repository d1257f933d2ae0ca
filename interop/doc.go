// Package interop holds the tests that compare this project's log with etcd's WAL package, on
// generated logs. It has no code of its own.
//
// It is a module of its own, so a program that imports the log does not depend on etcd's server.
package interop
