// Package verdict decides what the end of a log means where its last segment holds no valid record:
// was what stands there never acknowledged, or is it damage to what was? It is the table of
// docs/FORMAT.md 7.1, with one verdict more for a file that is being written. It has no bytes and
// no files: what is seen there comes as [Evidence]. Two rules of that section stand around the
// table: in logend.go that of the header, before it, and in scan.go that of a save without its
// COMMIT, after it.
package verdict

// Verdict is what the bytes behind the last valid record mean.
type Verdict int

const (
	CleanEnd  Verdict = iota // nothing was written there
	Torn                     // what was written there was never acknowledged
	Corrupt                  // it may have been acknowledged
	Corrected                // with one bit put back it is the record that was written
	Changed                  // there is a valid record: the file is being written
)

// Flip says whether one bit, put back, makes a valid record, and where that bit is. If nothing else
// is set in its sector, then either the bit flipped, or a crash lost the sector: the record that
// was written is the same. So it counts as valid, because it may have been acknowledged. If
// something else is set there, the sector was written, and no crash has cleared the bit: the disk
// has damaged what may have been acknowledged.
type Flip int

const (
	NoFlip           Flip = iota
	FlipInLostSector      // the frame's part of the bit's sector reads as zeros
	FlipElsewhere         // it does not
)

// Evidence answers the questions of the table about p, the first offset without a valid record.
// [Judge] asks in the order of the table, each question at most once, and only as long as no row
// has applied: some answers cost a reading of the segment.
type Evidence interface {
	// Used reports whether anything but zeros stands from p to the end of the file.
	Used() bool
	// Valid reports whether there is a valid record at p by now.
	Valid() bool
	// SyncedFollows reports whether a record behind p shows that what is at p was on disk.
	SyncedFollows() bool
	// Flip finds the one bit of the frame at p that is flipped, if there is one.
	Flip() Flip
	// NoWord reports whether the length word is zero.
	NoWord() bool
	// PastEnd reports whether the frame reaches past the end of the file.
	PastEnd() bool
	// SectorLost reports whether the frame's part of some sector is all zeros.
	SectorLost() bool
	// EndLost reports whether there are only zeros from the last byte of the trailer on. It is
	// false for a frame that by its form has no trailer.
	EndLost() bool
}

// Finding is a verdict, and the row of the table that it comes from.
type Finding struct {
	Verdict Verdict
	Row     string // as docs/FORMAT.md 7.1 numbers it; "" for Changed
	Reason  string // in words; "" for CleanEnd, Changed, and row 8, whose reason the parser knows
}

// Judge returns the verdict of the first row that applies.
func Judge(e Evidence) Finding {
	if !e.Used() {
		return Finding{CleanEnd, "2", ""} // before row 1, which needs a record
	}
	if e.Valid() {
		return Finding{Changed, "", ""}
	}
	if e.SyncedFollows() {
		return Finding{Corrupt, "1", "a later record shows that this one was on stable storage"}
	}
	switch e.Flip() {
	case FlipInLostSector:
		return Finding{Corrected, "3", "one bit is missing in a sector that reads as zeros"}
	case FlipElsewhere:
		return Finding{Corrupt, "3'", "one bit of the record is flipped"}
	}
	switch {
	case e.NoWord():
		return Finding{Torn, "4", "the length word was not written"}
	case e.PastEnd():
		return Finding{Torn, "5", "the frame reaches past the end of the segment"}
	case e.SectorLost():
		return Finding{Torn, "6", "a sector of the record was not written"}
	case e.EndLost():
		return Finding{Torn, "7", "the end of the record was not written"}
	}
	return Finding{Corrupt, "8", ""}
}
