// Package mutation proves that the tests of the log can fail. It puts one deliberate mistake at a
// time into the code, with the flag -overlay of go test, and requires that the tests which are
// listed with the mistake fail. The code itself stays as it is. "make mutation" tries the whole
// table.
//
// The table is also an index: it says which tests guard a line.
package mutation
