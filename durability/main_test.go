package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOursLosesNothingSilentlyAndOpensAfterATornBatch(t *testing.T) {
	for _, p := range peers()[:2] {
		r, err := measure(p, 20, 1, t.TempDir())
		require.NoError(t, err)
		for i, d := range damages {
			require.Zero(t, r.counts[i][wrong], "%s: %s", p.name, d.name)
			if d.acked && p.closes {
				require.Zero(t, r.counts[i][fewer], "%s: %s", p.name, d.name)
			}
			if !d.acked {
				require.Zero(t, r.counts[i][fewer], "%s: %s", p.name, d.name)
			}
			if !d.acked && !strings.Contains(d.name, "garbage") {
				require.Equal(t, tally{allThere: 20}, r.counts[i], "%s: %s", p.name, d.name)
			}
		}
	}
}

func TestEveryLogIsMeasuredAndReported(t *testing.T) {
	out := filepath.Join(t.TempDir(), "report.md")
	require.NoError(t, run(2, 7, t.TempDir(), out))
	report, err := os.ReadFile(out)
	require.NoError(t, err)
	for _, p := range peers() {
		require.Contains(t, string(report), "**"+p.name+"**")
	}
	for _, d := range damages {
		require.Contains(t, string(report), "| "+d.name+" |")
	}
	require.Error(t, run(1, 1, filepath.Join(t.TempDir(), "missing"), ""))
}

func TestJudge(t *testing.T) {
	all := []string{"a", "b", "c"}
	for _, tt := range []struct {
		got  []string
		err  error
		want outcome
	}{
		{[]string{"a", "b"}, nil, allThere},
		{all, nil, allThere},
		{[]string{"a"}, nil, fewer},
		{nil, nil, fewer},
		{[]string{"a", "x"}, nil, wrong},
		{[]string{"x"}, nil, wrong},
		{[]string{"a", "b", "x"}, nil, wrong},
		{[]string{"a", "b", "c", "d"}, nil, wrong},
		{all, errors.New("damaged"), refused},
	} {
		require.Equal(t, tt.want, judge(tt.got, all[:2], all, tt.err), "%v %v", tt.got, tt.err)
	}
}
