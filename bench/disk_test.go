package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a group that records what is asked of it. A call named in fails returns errDisk.
type recorder struct {
	calls []string
	fails string
	n     int64
}

var errDisk = errors.New("the group does not answer")

func (r *recorder) call(name string) error {
	r.calls = append(r.calls, name)
	if r.fails == name {
		return errDisk
	}
	return nil
}

func (r *recorder) enter() error      { return r.call("enter") }
func (r *recorder) leave() error      { return r.call("leave") }
func (r *recorder) remove() error     { return r.call("remove") }
func (r *recorder) about() string     { return "recorded" }
func (r *recorder) set(l limit) error { return r.call(fmt.Sprintf("set %d %d", l.bytes, l.writes)) }
func (r *recorder) count() (written, error) {
	r.n++
	return written{10 * r.n, 4000 * r.n}, r.call("count")
}

// recorded returns a bench whose group is a recorder, and a workload that it limits.
func recorded(t *testing.T, fails string) (*bench, *recorder, workload) {
	r := &recorder{fails: fails}
	b := &bench{dir: t.TempDir(), disk: &disk{group: r}, budget: smoke, rounds: 1,
		progress: io.Discard, all: contenders(), logs: map[logKey]string{}}
	w := single("save", "Saves", config{size: 100, batch: 1}, []string{nameFloor})
	return b, r, w.under(writesLimit)
}

func TestALimitHoldsForTheMeasuredSavesOnly(t *testing.T) {
	b, r, w := recorded(t, "")
	result, err := b.workload(context.Background(), w)
	require.NoError(t, err)
	require.NoError(t, b.close())
	require.Equal(t, []string{"enter", "set 0 3000", "count", "count", "set 0 0", "leave", "remove"},
		r.calls)
	got := result.Rows[0].Samples[0]
	require.Equal(t, 10.0/float64(smoke.saves), got[metricWrites])
	require.Equal(t, 4.0/float64(smoke.saves), got[metricBytes])
}

// Whatever fails, the limit is lifted and the group left and removed.
func TestAFailureLeavesNoLimit(t *testing.T) {
	for fails, want := range map[string][]string{
		"enter":      {"enter", "remove"},
		"set 0 3000": {"enter", "set 0 3000", "set 0 0", "leave", "remove"},
		"count":      {"enter", "set 0 3000", "count", "set 0 0", "leave", "remove"},
		"set 0 0":    {"enter", "set 0 3000", "count", "count", "set 0 0", "leave", "remove"},
		"leave":      {"enter", "set 0 3000", "count", "count", "set 0 0", "leave", "remove"},
	} {
		b, r, w := recorded(t, fails)
		_, err := b.workload(context.Background(), w)
		require.ErrorIs(t, err, errDisk, fails)
		require.NoError(t, b.close())
		require.Equal(t, want, r.calls, fails)
	}
	b, r, w := recorded(t, "")
	b.all = []contender{{name: nameFloor, open: func(string, config) (*store, error) {
		return &store{writer: func() func() error { return func() error { return io.ErrShortWrite } },
			close: func() error { return nil }}, nil
	}}}
	_, err := b.workload(context.Background(), w)
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.Equal(t, []string{"enter", "set 0 3000", "set 0 0", "leave"}, r.calls)
}

func TestSavesThatAreNotDurableHaveNoDiskColumns(t *testing.T) {
	b, _, w := recorded(t, "")
	w.config.noSync = true
	result, err := b.workload(context.Background(), w)
	require.NoError(t, err)
	got := result.Rows[0].Samples[0]
	require.NotContains(t, got, metricWrites)
	require.Positive(t, got[metricP99])
}

func TestWhereNothingLimitsTheWorkloadIsSkippedVisibly(t *testing.T) {
	b, _, w := recorded(t, "")
	var progress bytes.Buffer
	b.progress = &progress
	b.disk = &disk{why: fmt.Errorf("%w: no cgroups", errUnsupported)}
	result, err := b.workload(context.Background(), w)
	require.NoError(t, err)
	require.Empty(t, result.Rows)
	require.Equal(t, "3,000 writes/s: Saves: skipped: not supported here: no cgroups\n",
		progress.String())
	r := result0(result)
	require.Contains(t, r.markdown(),
		"## 3,000 writes/s: Saves\n\nNot measured: not supported here: no cgroups.\n")
	out := t.TempDir()
	require.NoError(t, r.write(out))
	require.NoFileExists(t, filepath.Join(out, "save-3000iops.svg"))

	w.limit = limit{} // without a limit the saves are measured, and not counted
	result, err = b.workload(context.Background(), w)
	require.NoError(t, err)
	require.NotContains(t, result.Rows[0].Samples[0], metricWrites)
	require.ErrorIs(t, b.disk.under(writesLimit, func() error { return nil }), errUnsupported)
	require.NoError(t, b.close())
}

func result0(w workloadResult) result { return result{Workloads: []workloadResult{w}} }

func TestTheReportSaysWhatCounts(t *testing.T) {
	require.Contains(t, (&disk{group: &recorder{}}).about(), "of this program alone, recorded")
	whole := &disk{why: errDisk, whole: func() (written, error) { return written{}, nil }}
	require.Contains(t, whole.about(), "of all programs")
	require.Contains(t, (&disk{why: errDisk}).about(), errDisk.Error())
	_, known, err := whole.during(func() error { return nil })
	require.NoError(t, err)
	require.True(t, known)
}
