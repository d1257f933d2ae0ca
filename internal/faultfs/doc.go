// Package faultfs makes file systems fail and slow for tests.
//
// An [FS] passes every call on to another file system, notes it, and makes it fail where a rule
// says so. [Slow] makes syncs take a while. [Timed] is a disk that takes time by a clock of its
// own. [Wrap] puts something of a test's own between the log and the files of a directory.
//
// [Kind] and [Call] name the calls that can fail; the simulated disk of package crashfs uses them
// too.
package faultfs
