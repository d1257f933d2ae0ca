package wal

import (
	"errors"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/log"
)

// Report says what Verify or Repair found in a log, and what Repair did.
type Report struct {
	Segments   int    // how many there are; after Repair, how many are left
	Records    int    // intact records, those of segment headers included
	FirstIndex uint64 // lowest entry index that can be read; LastIndex+1 if there is none
	LastIndex  uint64 // index of the last entry, or of a later snapshot

	// Torn is the torn tail that was found, nil if there was none. Open would heal it; Repair has
	// healed it. A writer that is stopped for milliseconds in the middle of a write cannot be told
	// from one that died there.
	Torn *TornTail
	// Corruption is the first damage that was found, nil if there was none.
	Corruption *CorruptionError
	// Lost is what Repair took out of the log because of the corruption, or would take out with
	// WithTruncateCorruption. It is zero without a corruption. Verify leaves it zero.
	Lost Lost
	// OpensAt holds the snapshots that the log opens at after such a Repair. It is nil if there is no
	// corruption; then ValidSnapshots lists them.
	OpensAt []log.Snapshot
	// Broken holds the names of the files in which Repair kept what it took away.
	Broken []string
}

// Lost is what Repair takes out of a log, and keeps in .broken files.
type Lost struct {
	FirstIndex, LastIndex uint64 // the entries, as far as they can be made out; 0 if none can
	Segments              int    // how many are taken out whole
	Bytes                 int64  // the size of those segments, and of what is truncated of another
}

// newReport returns a report of what was loaded, without a corruption.
func newReport(ld *loaded) *Report {
	// If the damage is in the middle of a save, the entries of that save before it are intact, but
	// not part of the log. lastThere does not count them.
	return &Report{
		Segments: len(ld.names), Records: ld.records,
		FirstIndex: min(ld.first(), ld.lastThere+1), LastIndex: ld.lastThere,
		Torn: ld.end.torn,
	}
}

// Verify reads the whole log in dir, from its oldest segment on, and checks of every record its
// form, checksums, position and order, and that its type can decode it. It takes no lock and
// changes nothing. A writer may be using the log: then the report describes the log at one moment
// during the call, and what is being written does not count as a torn tail. A torn tail is in the
// report, and is no error. If the log is corrupt, the error is a [*CorruptionError], and the report
// describes what stands before the damage.
func Verify(lg *zap.Logger, dir string, opts ...Option) (*Report, error) {
	o, d, err := openAt(dir, opts)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	l := &loader{dir: d, registry: o.registry, decodeAll: true, maxFiles: o.maxOpenFiles}
	ld, err := l.loadBeside(fromOldest)
	if ld == nil {
		return nil, err
	}
	report := newReport(ld)
	if errors.As(err, &report.Corruption) {
		report.Torn = nil
		orNop(lg).Warn("the log is corrupt", zap.String("dir", dir), zap.Error(err))
	}
	if err == nil {
		err = ld.checkState(o.registry)
	}
	return report, err
}
