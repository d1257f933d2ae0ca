// Durability damages logs of this library, of etcd and of hashicorp's raft-wal in the same ways,
// opens them as a program would after a restart, and counts the outcomes.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func main() {
	trials := flag.Int("trials", 300, "of each damage to each log")
	seed := flag.Uint64("seed", rand.Uint64(), "repeats a run")
	dir := flag.String("dir", os.TempDir(),
		"where the logs are; what is read back after a restart is the same on any file system")
	out := flag.String("out", "", "the report; standard output by default")
	flag.Parse()
	if err := run(*trials, *seed, *dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "durability:", err)
		os.Exit(1)
	}
}

func run(trials int, seed uint64, dir, out string) error {
	work, err := os.MkdirTemp(dir, "durability-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var results []result
	for _, p := range peers() {
		r, err := measure(p, trials, seed, work)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintln(os.Stderr, p.name, "done")
		results = append(results, r)
	}
	report := markdown(results, trials, seed)
	if out == "" {
		_, err = os.Stdout.WriteString(report)
		return err
	}
	return os.WriteFile(out, []byte(report), 0o644)
}

// result is what one peer did with each damage.
type result struct {
	peer   peer
	counts []tally // by damage
}

// logs is how many different logs of each peer are damaged, in turn.
const logs = 10

func measure(p peer, trials int, seed uint64, work string) (result, error) {
	r := result{peer: p, counts: make([]tally, len(damages))}
	var bases []*base
	for i := range logs {
		b, err := makeBase(p, work, seed+uint64(i))
		if err != nil {
			return r, err
		}
		bases = append(bases, b)
	}
	for i, d := range damages {
		for n := range trials {
			b := bases[n%logs]
			t, all := &trial{im: b.whole, rng: rand.New(rand.NewPCG(seed, uint64(i)<<32|uint64(n)))}, b.acked
			if !d.acked {
				t.im, t.torn, all = b.before, b.torn, b.all
			}
			t.names = segmentsOf(t.im)
			got, err := p.readImage(d.do(t), filepath.Join(work, "trial"))
			r.counts[i][judge(got, b.acked, all, err)]++
		}
	}
	return r, nil
}
