package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const mountinfo = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 27 0:30 / /data rw - tmpfs tmpfs rw
31 27 8:1 / /data rw,noatime master:1 propagate_from:2 - xfs /dev/sda1 rw,noquota
`

func TestMountOf(t *testing.T) {
	for path, want := range map[string]mount{
		// the later mount covers the earlier one
		"/data":      {"/data", "8:1", "xfs", "rw,noatime,noquota"},
		"/data/logs": {"/data", "8:1", "xfs", "rw,noatime,noquota"},
		"/database":  {"/", "254:0", "ext4", "rw,relatime,discard"},
	} {
		got, ok := mountOf(mountinfo, path)
		require.True(t, ok)
		require.Equal(t, want, got, path)
	}
	_, ok := mountOf("not a mount\n1 2 - 3\n", "/data")
	require.False(t, ok)
}

func TestFieldOf(t *testing.T) {
	text := "processor\t: 0\nmodel name\t: A: CPU\nmodel name\t: other\n"
	require.Equal(t, "A: CPU", fieldOf(text, "model name"))
	require.Empty(t, fieldOf(text, "bogomips"))
}

func TestMachineInWordsLeavesOutWhatIsUnknown(t *testing.T) {
	require.Equal(t, "- processor: fast, 2 cores for this program\n",
		machine{CPU: "fast", Cores: 2}.words())
	require.NotEmpty(t, describeMachine(t.TempDir()).System)
}
