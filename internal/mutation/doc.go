// Package mutation proves that the tests of the log can fail. It puts one deliberate mistake at a
// time into the code, with go test's -overlay, and makes sure that the tests that are named for it
// fail. Nothing of this is in the code itself. "make mutation" tries the whole table.
//
// The table is also an index: it says of a line which tests guard it.
package mutation
