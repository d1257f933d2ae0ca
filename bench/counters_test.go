package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFromDiskstats(t *testing.T) {
	const text = ` 7 0 loop0 1 0 8 1 2 0 16 3 0 4 5
 254 0 vda 644603 90662 16193794 289651 37380 1899 1188 3782708 0 1530 535 21 10 25 32 328 149
 254 16 vdb 1 2 3 4 10 6 100 8 9 10 11 12 13 14 15 16 17
 8 0 sda 1 2 3 4 10 6 100 8 9 10 11 12 13 14 15 7 17
`
	for number, want := range map[string]written{
		"254:0":  {37380 + 328, 1188 * sectorSize},
		"254:16": {10 + 16, 100 * sectorSize},
		"8:0":    {10 + 7, 100 * sectorSize},
		"7:0":    {2, 16 * sectorSize}, // a kernel before 5.5 counts no flushes
	} {
		got, err := fromDiskstats(text, number)
		require.NoError(t, err)
		require.Equal(t, want, got, number)
	}
	for _, number := range []string{"254:1", "54:0", ""} {
		_, err := fromDiskstats(text, number)
		require.Error(t, err, number)
	}
	_, err := fromDiskstats(" 8 0 sda 1 2 3 4 many 6 100 8 9 10 11\n", "8:0")
	require.ErrorContains(t, err, "many")
}

func TestFromBlkio(t *testing.T) {
	const serviced = `254:0 Read 32
254:0 Write 495
254:0 Sync 527
254:0 Total 527
8:0 Write 7
Total 534
`
	const bytes = "254:0 Read 131072\n254:0 Write 5390336\n8:0 Write 512\nTotal 5521920\n"
	for number, want := range map[string]written{
		"254:0": {495, 5390336}, "8:0": {7, 512}, "54:0": {}, // not used
	} {
		got, err := fromBlkio(serviced, bytes, number)
		require.NoError(t, err)
		require.Equal(t, want, got, number)
	}
	_, err := fromBlkio("8:0 Write -\n", "", "8:0")
	require.ErrorContains(t, err, "io_serviced")
	_, err = fromBlkio("", "8:0 Write -\n", "8:0")
	require.ErrorContains(t, err, "io_service_bytes")
}

func TestFromIOStat(t *testing.T) {
	const text = `8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6
254:0 rbytes=131072 wbytes=5390336 rios=32 wios=495 dbytes=0 dios=0
8:32
`
	for number, want := range map[string]written{
		"254:0": {495, 5390336}, "8:16": {4, 2}, "8:32": {}, "8:1": {},
	} {
		got, err := fromIOStat(text, number)
		require.NoError(t, err)
		require.Equal(t, want, got, number)
	}
	_, err := fromIOStat("8:0 wbytes=x\n", "8:0")
	require.ErrorContains(t, err, "io.stat")
}

func TestHierarchies(t *testing.T) {
	const mounts = `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`
	require.Equal(t, []hierarchy{
		{false, "/sys/fs/cgroup/blkio", "/sys/fs/cgroup/blkio/a"},
		{true, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified"},
	}, hierarchies(mounts, "9:name=systemd:/x\n7:net_cls,blkio:/a\n0::/\n"))
	require.Equal(t, []hierarchy{{true, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/user/s"}},
		hierarchies(mounts, "4:memory:/blkio\n0::/user/s\n"))

	// a container sees its own part of the tree only
	const inside = "38 31 0:35 /docker/1 /sys/fs/cgroup rw - cgroup cgroup rw,blkio\n"
	require.Equal(t, []hierarchy{{false, "/sys/fs/cgroup", "/sys/fs/cgroup/a"}},
		hierarchies(inside, "7:blkio:/docker/1/a\n"))
	require.Empty(t, hierarchies("not a mount\n1 2 - 3\n", "7:blkio:/\n0::/\nx\n"))
	require.Empty(t, hierarchies(mounts, ""))
}
