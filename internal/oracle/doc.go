// Package oracle is docs/FORMAT.md put down once more, as plainly as can be and without the code
// under test, for tests to compare with.
//
// A [Frame] is right if building it again from its fields gives the same bytes. One flipped bit
// explains a frame if some bit, of all that there are, does when it is tried. A [Scene] is the end
// of a segment as recovery meets it; [Scene.Row] returns which row of the table decides.
package oracle
