package wal

import (
	"errors"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/log"
)

// Report says what Verify or Repair found in a log, and what Repair did.
type Report struct {
	Segments   int    // segments there are; after Repair, those that are left
	Records    int    // intact records, those of segment headers included
	FirstIndex uint64 // lowest entry index that can be read; LastIndex+1 if there is none
	LastIndex  uint64 // index of the last entry, or of a later snapshot

	// Torn is the torn tail that was found, nil if there was none. Open would
	// heal it; Repair has. A writer that is stopped for milliseconds in the middle of a write
	// cannot be told from one that died there.
	Torn *TornTail
	// Corruption is the first damage that was found, nil if there was none.
	Corruption *CorruptionError
	// Lost is what a Repair of the corruption takes out of the log, or would with
	// WithTruncateCorruption. Nothing is lost without a corruption, nor does Verify say it.
	Lost Lost
	// OpensAt are the snapshots that the log opens at after such a Repair. Without a corruption,
	// ask ValidSnapshots.
	OpensAt []log.Snapshot
	// Broken are the names of the files in which Repair kept what it took away.
	Broken []string
}

// Lost is what a Repair takes out of a log. It is kept in .broken files.
type Lost struct {
	FirstIndex, LastIndex uint64 // the entries, as far as they can be made out; 0 if none can
	Segments              int    // those that are taken out whole
	Bytes                 int64  // of them, and of the end that another one loses
}

func newReport(ld *loaded) *Report {
	// Before damage in the middle of a save there are entries that are not part of the log.
	return &Report{
		Segments: len(ld.names), Records: ld.records,
		FirstIndex: min(ld.first(), ld.lastThere+1), LastIndex: ld.lastThere,
		Torn: ld.end.torn,
	}
}

// Verify reads the whole log in dir, from its oldest segment on, and checks
// every record: form, checksums, place, order, and that its type can decode it.
// It takes no lock and changes nothing; a writer may be using the log: then the report tells of
// the log at a moment meanwhile, and what is being written is no torn tail. A torn tail is no
// error, and stands in the report. If the log is corrupt the error is a [*CorruptionError], and
// the report tells of what stands before the damage.
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
