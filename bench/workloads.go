package main

import (
	"fmt"
	"slices"
	"time"
)

const (
	// defaultSegment is the size of every contender's segments, in bytes, unless a workload measures
	// what segments cost.
	defaultSegment = 64 << 20
	// rollSegment is the size of segments in the workload that measures the step to the next one, in
	// bytes.
	rollSegment = 4 << 20
	// rollSize is the size of a save in that workload, in bytes.
	rollSize = 16 << 10
	// manySegment is the size of segments in the workload with many of them, in bytes: a
	// ten-thousandth of the log.
	manySegment = 100 << 10
)

// A workload is one comparison of contenders.
type workload struct {
	name   string // the name of its files
	title  string
	about  string
	config config
	limit  limit    // what the disk may do while the saves are measured
	who    []string // names of the contenders, in the report's order
	// metrics are what a run measures. The first one is compared and plotted.
	metrics []metric
	run     func(b *bench, w workload, c contender) (sample, error)
}

// A metric is one figure of a run.
type metric struct {
	Name         string
	LessIsBetter bool
}

// sample is the result of one run, by the names of the metrics.
type sample map[string]float64

const (
	metricSaves   = "saves/s"
	metricP50     = "p50, µs"
	metricP99     = "p99, µs"
	metricP999    = "p99.9, µs"
	metricWrites  = "disk writes a save"
	metricBytes   = "KB written a save"
	metricEntries = "entries/s"
	metricPeak    = "peak MB"
	metricMax     = "max, µs"
	metricSlowest = "mean of the slowest, µs"
	metricReads   = "reads/s"
	metricOpen    = "s per GB"
	metricToEnd   = "reads/s to the end"
	metricToNear  = "reads/s of 8 entries"
	metricOfNear  = "to the end ÷ of 8"
	metricFiles   = "files"

	metricOfAlone       = "saves beside ÷ alone"
	metricOfAloneShared = "the same, cores shared"
	metricAlone         = "saves/s alone"
	metricBeside        = "saves/s beside"
	metricRead          = "entries/s read"
)

// budget says how much one run does.
type budget struct {
	duration  time.Duration // of the measured saves; warmUp or a tenth of it passes before
	saves     int           // how many saves each writer makes at most
	rollSaves int
	entries   int   // how many entries a log has that is written once and then read
	ring      int64 // the size of a floor's file, in bytes
}

// budgetOf returns the budget of a scale. Scale 1 is meant for figures that are quoted.
func budgetOf(scale float64) budget {
	scaled := func(n float64) int { return max(1, int(n*scale)) }
	return budget{
		duration:  time.Duration(scaled(float64(400 * time.Millisecond))),
		saves:     scaled(2 << 20),
		rollSaves: max(64, scaled(4096)),
		entries:   max(1000, scaled(1e6)),
		ring:      min(max(int64(scaled(defaultSegment)), rollSegment), defaultSegment),
	}
}

// workloads returns all workloads, in the order of the report.
func workloads() []workload {
	logs := []string{nameOurs, nameEtcd, nameRaftWAL, nameTidwall, nameRosed, nameWlog, nameBolt,
		namePebble}
	withFloors := slices.Concat(logs, []string{nameFloor, nameReserved, nameDirect})
	list := []workload{
		single("save-128", "One writer, 128 B per save", config{size: 128, batch: 1}, withFloors),
		single("save-1k", "One writer, 1 KiB per save", config{size: 1 << 10, batch: 1}, withFloors),
		single("save-8k", "One writer, 8 KiB per save", config{size: 8 << 10, batch: 1}, withFloors),
		single("save-64k", "One writer, 64 KiB per save", config{size: 64 << 10, batch: 1}, withFloors),
		single("save-64x1k", "One writer, 64 entries of 1 KiB per save", config{size: 1 << 10, batch: 64},
			withFloors),
	}
	list = append(list, otherSaves(logs, withFloors)...)
	list = append(list, rafts()...)
	list = append(list, limited(list, "save-1k", "save-8k", "save-64k", "save-64x1k", "parallel")...)
	list = append(list, replays(slices.Concat(logs, []string{nameBareRead}))...)
	return append(list, largeReads()...)
}

// timesMetrics are the quantiles of how long single saves take.
func timesMetrics() []metric {
	return []metric{{metricP50, true}, {metricP99, true}, {metricP999, true}}
}

// diskMetrics are what a disk is given to write for a save.
func diskMetrics() []metric { return []metric{{metricWrites, true}, {metricBytes, true}} }

// savesMetrics are what is measured of durable saves.
func savesMetrics() []metric {
	return slices.Concat([]metric{{Name: metricSaves}}, timesMetrics(), diskMetrics())
}

// callsMetrics are what is measured of saves that return before they are durable. What the kernel
// writes later, on its own, is counted for nobody.
func callsMetrics() []metric {
	return slices.Concat([]metric{{Name: metricSaves}}, timesMetrics())
}

// otherSaves returns the workloads that save in another way than as a single writer that waits.
func otherSaves(logs, withFloors []string) []workload {
	return []workload{
		goroutines("parallel", 64, slices.Insert(slices.Clone(withFloors), 2, nameChannel)),
		goroutines("parallel-256", 256, []string{nameOurs, nameEtcd, nameChannel, nameWlog, namePebble,
			nameFloor, nameReserved}),
		goroutines("parallel-1024", 1024, []string{nameOurs, nameEtcd, nameChannel, nameWlog,
			namePebble, nameFloor, nameReserved}),
		{
			name: "append-wait", title: "One writer, 256 B per save, Append and Wait",
			about: "This library's Append and, right behind it, Wait, by one goroutine alone. Against " +
				"it the floor, and etcd's Save.",
			config:  config{size: 256, batch: 1, writers: 1, halves: true},
			metrics: savesMetrics(),
			run:     (*bench).runSaves,
			who:     []string{nameOurs, nameEtcd, nameFloor},
		},
		{
			name: "nosync", title: "No sync, 256 B per save",
			about: "What a save costs besides the disk: each returns once it is written, not once it is " +
				"durable. One write(2) per save, except for pebble, which writes a block at a time, and for " +
				"this library WithWriteDelay. The floor is the bare write, into " +
				"pages that the page cache has already, over and over; a log goes on to new ones.",
			config: config{size: 256, batch: 1, writers: 1, noSync: true}, metrics: callsMetrics(),
			run: (*bench).runSaves,
			who: slices.Concat(logs, []string{nameFloor, nameOursDelayed}),
		},
		{
			name: "in-flight", title: "Saves in flight, 256 B each",
			about: "This library's Append, with up to 16,384 saves in flight and one Sync at the end, " +
				"which is measured too: then all are durable. Against it etcd's Save with its syncs " +
				"switched off, where nothing is durable.",
			config: config{size: 256, batch: 1, writers: 1, inFlight: true}, metrics: callsMetrics(),
			run: (*bench).runSaves,
			who: []string{nameOurs, nameEtcd},
		},
		roll(slices.Concat(logs, []string{nameFloor})),
	}
}

// goroutines returns a workload of n goroutines that save.
func goroutines(name string, n int, who []string) workload {
	return workload{
		name: name, title: fmt.Sprintf("%d goroutines, 256 B per save", n),
		about: fmt.Sprintf("Each goroutine's save is durable before it makes the next one. Where a log "+
			"takes entries in order only, the index is given under a lock of the callers. The floors "+
			"write what all %d have to save at once and sync once; that counts as %d saves. The "+
			"quantiles are how long a goroutine waits for its save.", n, n),
		config: config{size: 256, batch: 1, writers: n}, metrics: savesMetrics(),
		run: (*bench).runSaves, who: who,
	}
}

// single returns a workload of one writer, whose saves are durable when they return.
func single(name, title string, c config, who []string) workload {
	c.writers = 1
	return workload{
		name: name, title: title, about: "Each save is durable before the next one begins.",
		config: c, who: who, metrics: savesMetrics(), run: (*bench).runSaves,
	}
}

// roll returns the workload that shows what the step to the next segment costs.
func roll(who []string) workload {
	return workload{
		name: "roll", title: "The slowest saves, with segments of 4 MiB",
		about: "One writer, 16 KiB per save, durable. Going on to the next segment makes a few saves " +
			"slow. " +
			"The mean is that of the k slowest saves of a run, k being how many times its bytes fill a " +
			"segment. Less is better. " +
			"Pebble has a new log file for each memtable, of 4 MiB here; bbolt and the floor have no " +
			"segments, and stand here with the same k.",
		config: config{size: rollSize, batch: 1, writers: 1, segment: rollSegment}, who: who,
		run: (*bench).runRoll,
		metrics: slices.Concat([]metric{{metricSlowest, true}}, timesMetrics(),
			[]metric{{metricMax, true}}, diskMetrics()),
	}
}

// aboutReplay describes what holds for all workloads that read a log from its beginning.
const aboutReplay = " The log was just written, so it is read from the page cache. Memory is " +
	"the peak of the whole process that reads, " +
	"which holds the code of all contenders: the bare read shows how much that is. Of a file that " +
	"is mapped, as bbolt's is, what was touched counts too."

func replayMetrics() []metric { return []metric{{Name: metricEntries}, {metricPeak, true}} }

// replays returns the workloads that read a log from its beginning, in a process of its own.
func replays(who []string) []workload {
	c := config{size: 128, batch: 1000, writers: 1, noSync: true}
	metrics := replayMetrics()
	return []workload{
		{
			name: "replay", title: "Replay: open, and read all entries into memory",
			about: "1,000,000 entries of 128 B (times the scale). The log is opened for appending where " +
				"that is how it is read; what has no call for reading all is read entry by entry, and the " +
				"entries kept. Pebble is opened for reading only, so that its write-ahead log is replayed " +
				"each time." + aboutReplay,
			config: c, who: who, metrics: metrics, run: (*bench).runReplayAll,
		},
		{
			name: "stream", title: "Replay: read one entry after the other",
			about: "The same logs, but no entry is kept. This library: OpenForRead and ReadEntries, which " +
				"reads into one record, as those read that hand out a buffer of theirs; and Entries, which " +
				"makes a new entry each time; and Records, which needs no open before it. etcd's " +
				"wal cannot do that: it is shown reading all, as above." + aboutReplay,
			config: c, who: slices.Concat(who, []string{nameOursKept, nameOursRecords}), metrics: metrics,
			run: (*bench).runStream,
		},
	}
}
