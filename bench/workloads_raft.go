package main

// rafts returns the workloads of a raft cluster whose nodes are all in this process, and on one
// disk.
func rafts() []workload {
	return []workload{
		cluster("raft-one", "Raft, 3 nodes, one writer, 128 B", 128, 1),
		cluster("raft-128", "Raft, 3 nodes, 64 writers, 128 B", 128, 64),
		cluster("raft-4k", "Raft, 3 nodes, 64 writers, 4 KiB", 4<<10, 64),
	}
}

func cluster(name, title string, size, writers int) workload {
	return workload{
		name: name, title: title,
		about: "Each writer proposes an entry, and waits until the leader has applied it. The nodes " +
			"have a log each, on the same disk, and send each other messages in memory.",
		config:  config{size: size, batch: 1, writers: writers, nodes: 3},
		metrics: savesMetrics(), run: (*bench).runSaves,
		who: []string{nameRaftOurs, nameRaftOursAsync, nameRaftEtcd},
	}
}
