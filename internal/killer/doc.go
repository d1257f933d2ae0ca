// Package killer runs a test again as a process of its own, kills it, and knows what its log must
// then hold.
//
// The child uses a log and reports each call over a pipe, before and after it ([Op]). The parent
// takes the reports in ([Report]) and, when the child is dead, compares the log with them
// ([Report.Agrees]).
package killer
