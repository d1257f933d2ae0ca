package main

import "slices"

// largeReads returns the workloads that read a log of 1 KiB entries, which has 1 GB at scale 1, or
// that read beside a writer.
func largeReads() []workload {
	large := config{size: 1 << 10, batch: 1000, writers: 1, noSync: true}
	return []workload{
		{
			name: "random-read", title: "Random reads of single entries",
			about: "A log of 1,000,000 entries of 1 KiB (times the scale), written once, before the " +
				"first round, and open for reading. Single entries are read by index, " +
				"one after the other, by one goroutine, in the same random order for all. All files are " +
				"read before, and 1,000 entries spread over the log, so that nothing comes from the disk. " +
				"What an entry is differs: this library, raft-wal and bbolt return one that is the " +
				"caller's, tidwall/wal the caller's bytes; " +
				"pebble's and the floor's are copied into a buffer that is used again. This library and the " +
				"floor verify a checksum at every read, pebble when a block comes into its cache, the " +
				"others none. " +
				"tidwall/wal holds whole segments in memory, two of them by default, and loads one for " +
				"nearly every read of so large a log: it is shown so, and with all segments held. " +
				"etcd's wal has no reading by index; rosedb's wal reads by position only, which the caller " +
				"would have to keep.",
			config: large, metrics: []metric{{Name: metricReads}}, run: (*bench).runRandom,
			who: []string{nameOurs, nameRaftWAL, nameTidwall, nameTidwallCached, nameBolt, namePebble,
				nameBareRead},
		},
		{
			name: "limited-read", title: "Reads of entries up to 8 KiB",
			about: "The log of the random reads, and this library's EntriesLimit from a random entry on: " +
				"of all entries to the end, up to 8 KiB, and of the next eight. " +
				"Both read about as much, so that the quotient of the two rates is near 1: what a read " +
				"costs does not depend on how far its end is.",
			config: large, metrics: []metric{{Name: metricToEnd}, {Name: metricToNear},
				{Name: metricOfNear}},
			run: (*bench).runLimited, who: []string{nameOurs},
		},
		{
			name: "stream-1k", title: "Replay: 1 KiB entries, one after the other",
			about: "The log of the random reads, opened and read from its beginning to its end, no entry " +
				"kept. " +
				"etcd's wal cannot do that: it is shown reading all into memory." + aboutReplay,
			config: large, metrics: replayMetrics(), run: (*bench).runStream,
			who: []string{nameOurs, nameOursKept, nameOursRecords, nameEtcd, nameRaftWAL, nameTidwall,
				nameWlog, namePebble, nameBareRead},
		},
		{
			name: "replay-1k", title: "Replay: 1 KiB entries, all into memory",
			about:   "200,000 entries of 1 KiB (times the scale), as in the first replay." + aboutReplay,
			config:  config{size: 1 << 10, batch: 100, fewer: 5, writers: 1, noSync: true},
			metrics: replayMetrics(), run: (*bench).runReplayAll,
			who: []string{nameOurs, nameEtcd, nameRaftWAL, nameTidwall, nameWlog, namePebble,
				nameBareRead},
		},
		{
			name: "save-beside-readers", title: "Saves beside two streaming readers",
			about: "One writer, 1 KiB per save, durable, alone and beside two goroutines that read the " +
				"whole log from its beginning, over and over. " +
				"Both are measured in turns in the same log (alone, beside, beside, alone), and the main " +
				"figure is the quotient of the two rates: 1.00 is a writer that does not notice the readers. " +
				"The readers have the other cores' time: the writer's thread is bound to one core, every " +
				"other thread of the program, so the readers and the garbage collector too, to all others, " +
				"alone and beside, and Go may run as many threads more as there are readers. " +
				"So the figure shows what they cost by locks, by the page cache and at the disk, not what " +
				"it costs to have fewer cores than goroutines. " +
				"“Cores shared” is the same with nobody bound and Go's scheduler as it is: with two cores " +
				"the writer then waits for a core, often behind both readers. " +
				"Entries read are those of both readers together, beside the bound writer: " +
				"tidwall/wal keeps its lock during a save's sync, so its readers hardly read, and its " +
				"quotient says little. " +
				"The quantiles are those of the bound writer's saves beside the readers.",
			config: config{size: 1 << 10, batch: 1, writers: 1}, run: (*bench).runBeside,
			metrics: slices.Concat([]metric{
				{Name: metricOfAlone}, {Name: metricOfAloneShared}, {Name: metricAlone}, {Name: metricBeside},
				{Name: metricRead},
			}, timesMetrics()),
			who: []string{nameOurs, nameRaftWAL, nameTidwall},
		},
		{
			name: "open-many", title: "Opening a log of many small segments",
			about: "A log of 1,000,000 entries of 1 KiB in about 10,000 segments of 100 KiB (entries and " +
				"segments times the scale), closed well, in the page cache. " +
				"The time is that from the call of Open until its Close has returned, by the bytes of data " +
				"in the log; less is better. " +
				"Each reads and verifies all of the log: this library's Open, after which it can be " +
				"appended to and read; etcd's Open and ReadAll, without which it can be neither. " +
				"The floor reads the same entries from one file. Memory is the peak of the whole process, " +
				"as above.",
			config:  config{size: 1 << 10, batch: 10, writers: 1, noSync: true, segment: manySegment},
			metrics: []metric{{metricOpen, true}, {Name: metricFiles}, {metricPeak, true}},
			run:     (*bench).runOpen,
			who:     []string{nameOurs, nameEtcd, nameBareRead},
		},
	}
}
