package wal

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/memfs"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

const (
	// DefaultSegmentSize is the size of a segment in bytes when WithSegmentSize is not given.
	DefaultSegmentSize int64 = 64 << 20
	// MinSegmentSize is the smallest size that WithSegmentSize takes.
	MinSegmentSize int64 = 512
	// DefaultMaxOpenFiles is how many files are open for reading at most when WithMaxOpenFiles is not
	// given.
	DefaultMaxOpenFiles = 64
	// DefaultSlowSyncThreshold is how long a sync may take without a warning when
	// WithSlowSyncThreshold is not given.
	DefaultSlowSyncThreshold = time.Second
)

// Preallocation says how a segment's space is prepared before it is used.
type Preallocation int

const (
	// PreallocateZero reserves a segment's space when it is made, and writes zeros ahead of the saves
	// where they pay: up to the next multiple of 256 KiB, or of 1 MiB behind large saves, in the same
	// sync as one of the saves. So most syncs have no allocation to record, which makes those of more
	// than a few KiB up to twice as fast. But large saves are written almost twice, which halves their
	// rate where the disk limits the bytes in a second. So the log finds out for each size of save: it
	// writes with zeros for a quarter of a second of syncs, then without, both twice, goes on with
	// what was faster, and tries the other way again now and then, for 1.5 % of the time in the long
	// run. Stats says how many zeros were written. A segment takes its whole size on disk from the
	// start, the last one even after Close. From half of the last segment on, the next one takes its
	// space too, until Close.
	PreallocateZero Preallocation = iota
	// PreallocateReserve only reserves the space, and nothing is tried. Nothing is written twice, but
	// the first sync over each block also has to record that the block is in use.
	PreallocateReserve
	// PreallocateNone lets the segments grow as they are written: the least space and the slowest
	// saves, and a full disk is noticed only in the middle of a segment.
	PreallocateNone
)

// An Option changes how a log is created, opened, verified or repaired. Each one says what it is
// for, and is ignored where it has no meaning.
type Option func(*options)

type options struct {
	fs                 vfs.FS
	segmentSize        int64
	preallocation      Preallocation
	registry           *log.Registry
	noSync             bool
	writeDelay         time.Duration
	etcdFormat         bool
	truncateCorruption bool
	dryRun             bool
	listener           Listener
	slowSync           time.Duration
	maxOpenFiles       int
	tolerant           bool

	// What tests replace.
	clock    func() time.Time  // measures how long batches take
	zeroStep func(n int) int64 // in place of zeroPolicy.step; nil: that one
}

// WithSegmentSize sets the size at which a segment is full, in bytes. A save that does not fit into
// the rest of a segment goes into the next one; a save that is larger than a whole segment gets a
// larger segment of its own. Default [DefaultSegmentSize] (64 MiB), minimum [MinSegmentSize]. It
// may differ between opens of one log.
func WithSegmentSize(bytes int64) Option {
	return func(o *options) { o.segmentSize = bytes }
}

// WithPreallocation chooses how the space of segments is prepared. Default [PreallocateZero].
func WithPreallocation(p Preallocation) Option {
	return func(o *options) { o.preallocation = p }
}

// WithRegistry sets the record types of this log. Default, also if r is nil: the types registered
// with log.RegisterRecord. Either way the types are those that are registered when the log is
// opened; registering another one later changes nothing.
func WithRegistry(r *log.Registry) Option {
	return func(o *options) { o.registry = r }
}

// WithNoSync makes saves return before their data is on stable storage. It is unsafe: a crash of
// the machine, though not of the process, can lose saves that returned nil. It is meant for tests
// and for data that can be rebuilt. Sync, Close, Release, Compact, a Purge that deletes, and the
// cut to a new segment still sync. Default off.
func WithNoSync() Option {
	return func(o *options) { o.noSync = true }
}

// WithWriteDelay has a save of entries or of a state return before it is written. It is written at
// most d later, or as soon as a write or sync that is under way then has ended, together with those
// that came meanwhile, so a save takes less time than a write of its own would. A crash of the
// process, or a failure of the log, can lose what was saved in the last d, or since the write or
// sync began that is under way then, if that is earlier; and no whole save before that. It needs
// [WithNoSync].
//
// LastIndex and readers see such a save once it is written, as after Append. Every other call that
// saves, Sync and Close first write what waits; Append and its Pending do what they do without the
// option. A write that fails makes the log fail, which the next call returns. Default 0: a save
// that returns nil is written.
func WithWriteDelay(d time.Duration) Option {
	return func(o *options) { o.writeDelay = d }
}

// WithEtcdFormat writes new segments exactly as etcd's WAL does, plain, without the trailer that
// this package adds to each record. Such a log can be handed back to etcd byte for byte. In
// exchange, a save of several records is not atomic, damage to a record's header can go unseen, and
// TruncateBack, Restore and Compact are refused. Without the option, etcd can still read the log.
// Default off.
func WithEtcdFormat() Option {
	return func(o *options) { o.etcdFormat = true }
}

// WithListener sets functions that are told of events, for metrics. Default none.
func WithListener(l Listener) Option {
	return func(o *options) { o.listener = l }
}

// WithSlowSyncThreshold sets how long a sync may take before a warning is logged. Default
// [DefaultSlowSyncThreshold]; 0 or less switches the warning off.
func WithSlowSyncThreshold(d time.Duration) Option {
	return func(o *options) { o.slowSync = d }
}

// WithMaxOpenFiles sets how many files a log has open for reading at most, however many segments
// and readers there are. The limit is strict, also while the log is opened: when n files are being
// read, a further read waits for one of them to end. No file is held between two reads, nor while
// the caller's code runs. If the limit is below the number of segments that are read in turns, they
// have to be opened again and again. The directory, the next segment, and at most three segments
// that a WAL keeps open because it has them locked are not counted. Default [DefaultMaxOpenFiles]
// (64), minimum 1.
func WithMaxOpenFiles(n int) Option {
	return func(o *options) { o.maxOpenFiles = n }
}

// WithTruncateCorruption lets Repair truncate the log before a corruption, which gives up
// acknowledged saves. The Report says which, and nothing is deleted: what is cut off is kept in
// .broken files. Only Repair uses the option. Default off.
func WithTruncateCorruption() Option {
	return func(o *options) { o.truncateCorruption = true }
}

// WithDryRun has Repair report what it would do, and change nothing. Without
// [WithTruncateCorruption], a corruption is an error all the same, beside the Report. Only Repair
// uses the option. Default off.
func WithDryRun() Option {
	return func(o *options) { o.dryRun = true }
}

// WithTolerant has Records report damage and go on behind it. A torn tail, which is no error
// otherwise, is then reported too, as damage is. Only Records uses the option. Default off.
func WithTolerant() Option {
	return func(o *options) { o.tolerant = true }
}

// newOptions returns the defaults with the given options applied, and checks them. The registry is
// a copy.
func newOptions(opts []Option) (options, error) {
	o := options{
		fs:           vfs.OS{},
		segmentSize:  DefaultSegmentSize,
		slowSync:     DefaultSlowSyncThreshold,
		maxOpenFiles: DefaultMaxOpenFiles,
		clock:        time.Now,
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
		return o, fmt.Errorf("%w: segment size of %d bytes, the minimum is %d",
			ErrInvalidArgument, o.segmentSize, MinSegmentSize)
	}
	if o.writeDelay < 0 || o.writeDelay > 0 && !o.noSync {
		return o, fmt.Errorf("%w: WithWriteDelay of %v; it needs WithNoSync, and 0 or more",
			ErrInvalidArgument, o.writeDelay)
	}
	if o.preallocation < PreallocateZero || o.preallocation > PreallocateNone {
		return o, fmt.Errorf("%w: unknown preallocation %d", ErrInvalidArgument, o.preallocation)
	}
	if o.maxOpenFiles < 1 {
		return o, fmt.Errorf("%w: at most %d open files, the minimum is 1",
			ErrInvalidArgument, o.maxOpenFiles)
	}
	if o.registry == nil {
		o.registry = log.DefaultRegistry()
	}
	o.registry = o.registry.Clone()
	return o, nil
}

// orNop returns lg, or a logger that logs nothing if lg is nil.
func orNop(lg *zap.Logger) *zap.Logger {
	if lg == nil {
		return zap.NewNop()
	}
	return lg
}

// A Listener is told what the log does, for metrics and tests. Its functions may be nil. They are
// called one at a time, in the order of the events: at the end of the call that caused the event or
// of a later call, and by the log's own goroutine when it writes for callers that wait. They must
// be quick, and must not call the log, except for its Stats. When several calls share a write, some
// of them may return before the listener is told of it. After Close has returned, the listener is
// told nothing.
//
// What the listener is told of has happened, whatever its function does. If a function panics, the
// panic goes to the caller of the call at whose end it runs, such as a Save, which is as durable as
// if it had returned; in the log's own goroutine the panic is logged. If a function ends its
// goroutine, as FailNow of a test does, no more than such a call ends. In both cases the log goes
// on. The same holds for the cores and hooks of the logger.
type Listener struct {
	// Saved is called after one or more saves were written together and, if one of them had to be,
	// synced.
	Saved func(SaveEvent)
	// Synced is called after each sync of the last segment, including the one that completes it when
	// the log goes on to a new segment.
	Synced func(took time.Duration)
	// Cut is called after the log went on to a new segment.
	Cut func(CutEvent)
	// Healed is called when Open or Repair removed a torn tail.
	Healed func(TornTail)
	// Purged is called after Purge removed a segment.
	Purged func(segment string)
	// Failed is called once, when the log fails, with the error that every later call returns.
	Failed func(err error)
}

// SaveEvent describes a batch: saves that shared a write and a sync.
type SaveEvent struct {
	Saves   int  // saves in it
	Entries int  // entries in them
	Bytes   int  // bytes written, frames included
	Durable bool // whether it was synced
	// Took is the time from the beginning of the write to the end of the sync. For a save that is
	// alone in its batch it begins with the call.
	Took time.Duration
}

// CutEvent describes a cut: the log went on to a new segment.
type CutEvent struct {
	Segment string        // file name of the new one
	Took    time.Duration // how long the save that caused it was held up
}

// Memory is a file system in memory, for tests of programs that embed a log. Logs in it do
// everything that they do on a disk, faster, and exist as long as the Memory does. Their
// directories have paths, as on a disk, from "/" on. A log in it that was left with [WAL.Abandon]
// opens again as after a kill.
type Memory struct{ fs *memfs.FS }

// NewMemory returns an empty file system in memory.
func NewMemory() *Memory { return &Memory{memfs.New()} }

// WithMemory keeps the log in memory instead of on a disk. Every function that works on the log
// needs the option: Create, Open, OpenForRead, Exist, Verify, Repair and so on. Default: the disk.
func WithMemory(m *Memory) Option {
	return func(o *options) {
		o.fs = nil // newOptions refuses this
		if m != nil && m.fs != nil {
			o.fs = m.fs
		}
	}
}
