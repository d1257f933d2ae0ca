// Package defects proves that the tests of the log can fail: it puts one deliberate
// defect at a time into the code, with go test's -overlay, and makes sure that the tests that are there
// for it do fail. Nothing of this is in the code itself. "make defects" runs all of it.
package defects
