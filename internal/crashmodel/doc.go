// Package crashmodel is what a log must hold after a crash, and the judge who cuts the power.
//
// A [Life] is what was done with a log on a simulated disk: a [Stage] for each save, with the
// moment at which it was called and the one at which it was acknowledged. A crash must leave one of
// the stages that [Life.Allowed] names, whole: none before the last one acknowledged, none that had
// not begun. The [Judge] crashes at every moment and opens what is left through a [System].
package crashmodel
