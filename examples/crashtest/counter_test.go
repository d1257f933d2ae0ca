package crashtest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed449c39bc/wal"
)

func TestCounter_SurvivesACrash(t *testing.T) {
	dir := t.TempDir()
	sum := 0
	for range 20 { // lives
		c, err := Open(dir, wal.WithSegmentSize(4096))
		if err != nil {
			t.Fatal(err)
		}
		if c.Sum() != sum {
			t.Fatalf("the sum is %d, want %d", c.Sum(), sum)
		}
		for n := range 10 {
			if err := c.Add(n); err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		c.w.Abandon() // instead of Close
	}
}

func TestCounter_SurvivesATornWrite(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]wal.Stats
	for i := range ends {
		if err := c.Add(i + 1); err != nil {
			t.Fatal(err)
		}
		ends[i] = c.w.Stats()
	}
	c.w.Abandon()
	middle := (ends[0].TailBytes + ends[1].TailBytes) / 2 // of the last save
	if err := os.Truncate(filepath.Join(dir, ends[1].TailSegment), middle); err != nil {
		t.Fatal(err)
	}
	healed := false
	listener := wal.Listener{Healed: func(wal.TornTail) { healed = true }}
	c, err = Open(dir, wal.WithListener(listener))
	if err != nil {
		t.Fatal(err)
	}
	if c.Sum() != 1 || !healed {
		t.Fatalf("the sum is %d, healed %v", c.Sum(), healed)
	}
	c.w.Abandon()
}

// TestMain makes the test binary a program that counts until it is killed.
func TestMain(m *testing.M) {
	dir := os.Getenv("COUNTER_CHILD")
	if dir == "" {
		os.Exit(m.Run())
	}
	c, err := Open(dir)
	for err == nil {
		fmt.Println("will add to", c.Sum())
		if err = c.Add(1); err == nil {
			fmt.Println("sum", c.Sum())
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func TestCounter_SurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged, begun := 0, 0
	for life := range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "COUNTER_CHILD="+dir)
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			switch line := lines.Text(); {
			case strings.HasPrefix(line, "will add to "):
				fmt.Sscanf(line, "will add to %d", &begun)
				begun++
			case !strings.HasPrefix(line, "sum "):
				t.Error("the child says: ", line)
			default:
				fmt.Sscanf(line, "sum %d", &acknowledged)
			}
			if n == 20+life { // at another moment in each life
				child.Process.Kill()
			}
		}
		child.Wait()
		c, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if c.Sum() < acknowledged || c.Sum() > begun {
			t.Fatalf("the sum is %d; %d was acknowledged and %d begun", c.Sum(), acknowledged, begun)
		}
		c.w.Abandon()
	}
}

func TestCounter_SaysSoWhenItsDiskFails(t *testing.T) {
	dir := os.Getenv("COUNTER_SMALL_DISK") // an empty directory on a file system of a few megabytes
	if dir == "" {
		t.Skip("COUNTER_SMALL_DISK names no directory")
	}
	c, err := Open(dir, wal.WithSegmentSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = c.Add(1)
	}
	if !errors.Is(err, wal.ErrFailed) {
		t.Log("the log goes on: nothing was written, and Add can be tried again")
	}
	sum := c.Sum()
	if c.Close() == nil && errors.Is(err, wal.ErrFailed) {
		t.Fatal("a log that failed says that it was closed well")
	}
	if c, err = Open(dir, wal.WithSegmentSize(64<<10)); err != nil {
		t.Fatal(err)
	}
	if c.Sum() != sum && c.Sum() != sum+1 { // the Add that failed may be there
		t.Fatalf("the sum is %d, and %d was acknowledged", c.Sum(), sum)
	}
}
