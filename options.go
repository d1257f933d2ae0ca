package wal

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

const (
	// DefaultSegmentSize is the size of a segment in bytes when WithSegmentSize is not given.
	DefaultSegmentSize int64 = 64 << 20
	// MinSegmentSize is the smallest size that WithSegmentSize takes.
	MinSegmentSize int64 = 512
	// DefaultMaxOpenFiles is how many files are open for reading at most when WithMaxOpenFiles is not given.
	DefaultMaxOpenFiles = 64
	// DefaultSlowSyncThreshold is how long a sync may take without a warning.
	DefaultSlowSyncThreshold = time.Second
)

// Preallocation says how a segment's space is prepared before it is used.
type Preallocation int

const (
	// PreallocateZero reserves a segment's space when it is made, and writes zeros
	// ahead of the saves, up to the next multiple of 256 KiB, behind large saves of 1 MiB, together with
	// one of them: so most syncs have no allocation to record, which makes those of more than a
	// few KiB up to twice as fast. A segment takes its whole size on disk from the start; the
	// last one also after Close, and from half of it on so does the next one, until Close.
	PreallocateZero Preallocation = iota
	// PreallocateReserve only reserves the space. Nothing is written twice, but the
	// first sync over each block also has to record that it is in use.
	PreallocateReserve
	// PreallocateNone lets the segments grow as they are written: the least
	// space, the slowest saves, and a full disk shows in the middle of a segment.
	PreallocateNone
)

// An Option changes how a log is created, opened, verified or repaired. Each
// one says what it is for; where it has no meaning it is ignored.
type Option func(*options)

type options struct {
	fs            vfs.FS
	segmentSize   int64
	preallocation Preallocation
	registry      *log.Registry
	noSync        bool
	etcdFormat    bool
	cutCorruption bool
	dryRun        bool
	listener      Listener
	slowSync      time.Duration
	maxOpenFiles  int
	tolerant      bool
}

// WithSegmentSize sets the size at which a segment is full, in bytes. A save
// that does not fit into the rest of a segment goes into the next one; one that
// is larger than a whole segment gets a segment of its own that is larger.
// Default [DefaultSegmentSize] (64 MiB), minimum [MinSegmentSize]. It may differ
// between opens of one log.
func WithSegmentSize(bytes int64) Option {
	return func(o *options) { o.segmentSize = bytes }
}

// WithPreallocation chooses how segments are prepared. Default [PreallocateZero].
func WithPreallocation(p Preallocation) Option {
	return func(o *options) { o.preallocation = p }
}

// WithRegistry sets the record types of this log. Default, also if r is nil: the types
// registered with log.RegisterRecord. Either way the types are those that are
// registered when the log is opened; registering another later changes nothing.
func WithRegistry(r *log.Registry) Option {
	return func(o *options) { o.registry = r }
}

// WithNoSync makes saves return before their data is on stable storage. It is
// unsafe: a crash of the machine, though not of the process, can lose saves that
// returned nil. It is meant for tests and for data that can be rebuilt. Sync,
// Close, Release, Compact, a Purge that deletes, and the change to a new segment still sync. Default
// off.
func WithNoSync() Option {
	return func(o *options) { o.noSync = true }
}

// WithEtcdFormat writes new segments exactly as etcd's WAL does, without the
// trailer that makes a log sealed. Such a log can be handed back to etcd byte
// for byte; a save of several records is then not atomic, damage to a
// record's header can go unseen, and TruncateBack is refused. Without the option
// etcd can still read the log. Default off.
func WithEtcdFormat() Option {
	return func(o *options) { o.etcdFormat = true }
}

// WithListener sets functions that are told of events, for metrics. Default none.
func WithListener(l Listener) Option {
	return func(o *options) { o.listener = l }
}

// WithSlowSyncThreshold sets how long a sync may take before a warning is
// logged. Default [DefaultSlowSyncThreshold]; 0 or less switches the warning off.
func WithSlowSyncThreshold(d time.Duration) Option {
	return func(o *options) { o.slowSync = d }
}

// WithMaxOpenFiles sets how many files a log has open for reading at most,
// however many segments and readers there are. It holds strictly, also while the log is opened: when n files
// are being read, a further read waits for one of them to end, and no file is held between two
// reads, nor while a caller's code runs. A limit below the number of segments that are
// read in turns costs opening them again. Not counted are the directory, the next
// segment, and at most three segments that a WAL keeps open because it has them locked. Default [DefaultMaxOpenFiles] (64),
// minimum 1.
func WithMaxOpenFiles(n int) Option {
	return func(o *options) { o.maxOpenFiles = n }
}

// WithCutCorruption lets Repair cut the log before a corruption, which gives up
// acknowledged saves. The Report says which, and nothing is deleted: what is
// cut is kept in .broken files. Only Repair knows it. Default off.
func WithCutCorruption() Option {
	return func(o *options) { o.cutCorruption = true }
}

// WithDryRun has Repair report what it would do, and change nothing. Only Repair knows it. Default off.
func WithDryRun() Option {
	return func(o *options) { o.dryRun = true }
}

// WithTolerant has Records report damage and go on behind it. A torn tail, which is no error
// otherwise, is then reported too, as damage is. Only Records knows the option. Default off.
func WithTolerant() Option {
	return func(o *options) { o.tolerant = true }
}

func newOptions(opts []Option) (options, error) {
	o := options{
		fs:           vfs.OS{},
		segmentSize:  DefaultSegmentSize,
		slowSync:     DefaultSlowSyncThreshold,
		maxOpenFiles: DefaultMaxOpenFiles,
	}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if o.fs == nil {
		return o, fmt.Errorf("%w: WithMemory of nothing; pass what NewMemory returns", ErrInvalidArgument)
	}
	if o.segmentSize < MinSegmentSize {
		return o, fmt.Errorf("%w: segment size of %d bytes, the minimum is %d", ErrInvalidArgument, o.segmentSize, MinSegmentSize)
	}
	if o.preallocation < PreallocateZero || o.preallocation > PreallocateNone {
		return o, fmt.Errorf("%w: unknown preallocation %d", ErrInvalidArgument, o.preallocation)
	}
	if o.maxOpenFiles < 1 {
		return o, fmt.Errorf("%w: at most %d open files, the minimum is 1", ErrInvalidArgument, o.maxOpenFiles)
	}
	if o.registry == nil {
		o.registry = log.DefaultRegistry()
	}
	o.registry = o.registry.Clone()
	return o, nil
}

// orNop is the logger to use when the caller gave none.
func orNop(lg *zap.Logger) *zap.Logger {
	if lg == nil {
		return zap.NewNop()
	}
	return lg
}
