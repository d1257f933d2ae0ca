package wal

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// rude is what a listener's function does: how, once, when it is told of something.
type rude struct {
	mu   sync.Mutex
	what string // "": nothing
	how  string
	met  bool
}

func (r *rude) set(what, how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.what, r.how, r.met = what, how, false
}

func (r *rude) wasMet() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.met
}

func (r *rude) told(what string) {
	r.mu.Lock()
	is := what == r.what
	if is {
		r.what, r.met = "", true
	}
	how := r.how
	r.mu.Unlock()
	switch {
	case !is:
	case how == panics:
		panic("the listener panics")
	default:
		runtime.Goexit()
	}
}

func (r *rude) listener() Listener {
	return Listener{
		Saved:  func(SaveEvent) { r.told("Saved") },
		Synced: func(time.Duration) { r.told("Synced") },
		Cut:    func(CutEvent) { r.told("Cut") },
		Healed: func(TornTail) { r.told("Healed") },
		Purged: func(string) { r.told("Purged") },
		Failed: func(error) { r.told("Failed") },
	}
}

// logger returns one whose hook is as rude as the listener, and what was logged.
func (r *rude) logger() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	return zap.New(core, zap.Hooks(func(zapcore.Entry) error { r.told("log"); return nil })), logs
}

// survives calls f in a goroutine of its own and tells whether it returned.
func survives(t *testing.T, f func()) (returned bool) {
	t.Helper()
	ended := inGoroutine(t, func() {
		defer func() {
			if r := recover(); r != nil {
				require.Equal(t, "the listener panics", r)
			}
		}()
		f()
		returned = true
	})
	require.False(t, ended && returned)
	return returned
}

// Whatever a listener's function does when it is told of something, in whatever call: the log goes
// on.
func TestListener_ThatPanicsOrEndsItsGoroutineHurtsOnlyThatCall(t *testing.T) {
	for _, how := range []string{panics, exits} {
		for what, call := range map[string]func(w *WAL){
			"Saved":  func(w *WAL) { _ = w.SaveEntry(entries(w.LastIndex()+1, w.LastIndex()+1)) },
			"Synced": func(w *WAL) { _ = w.SaveEntry(entries(w.LastIndex()+1, w.LastIndex()+1)) },
			"Cut": func(w *WAL) {
				for { // until it does not return
					_ = w.SaveEntry(entries(w.LastIndex()+1, w.LastIndex()+20))
				}
			},
			"Purged": func(w *WAL) { _, _ = w.Purge() },
		} {
			r := new(rude)
			w, dir := newLog(t, WithListener(r.listener()))
			fillSegments(t, w, 2)
			require.NoError(t, release(w, at(w.LastIndex())))
			r.set(what, how)
			require.False(t, survives(t, func() { call(w) }), "%s in %s", how, what)
			require.True(t, r.wasMet())
			last := w.LastIndex()
			inGoroutine(t, func() {
				require.NoError(t, w.SaveEntry(entries(last+1, last+1)), what)
				_, err := w.Purge()
				require.NoError(t, err)
				r.set(what, how)
			})
			survives(t, func() { w.Close() })
			require.ErrorIs(t, w.Sync(), ErrClosed)
			r.set("", "")
			w = openLog(t, dir, nil)
			require.Equal(t, last+1, w.LastIndex())
			require.NoError(t, w.Close())
		}
	}
}

// The same where the goroutine of the log's own tells: nobody but the log has called it.
func TestListener_CannotStopTheGoroutineThatLeads(t *testing.T) {
	for _, how := range []string{panics, exits} {
		for _, what := range []string{"Saved", "Synced"} {
			r := new(rude)
			lg, logs := r.logger()
			w, err := Create(lg, filepath.Join(t.TempDir(), "log"), nil, WithListener(r.listener()))
			require.NoError(t, err)
			for i := uint64(1); i <= 20; i++ {
				if i == 10 {
					r.set(what, how)
				}
				p, err := w.Append(nil, entries(i, i))
				require.NoError(t, err)
				require.False(t, inGoroutine(t, func() { err = p.Wait() }))
				require.NoError(t, err)
			}
			require.NoError(t, w.Close())
			require.True(t, r.wasMet())
			if how == panics {
				require.Equal(t, 1, logs.FilterMessageSnippet("panics").Len())
			}
		}
	}
}

func TestListener_ThatPanicsWhenTheLogFails(t *testing.T) {
	for _, how := range []string{panics, exits} {
		for _, what := range []string{"Failed", "log"} {
			r := new(rude)
			lg, _ := r.logger()
			fsys := faultfs.New()
			dir := filepath.Join(t.TempDir(), "log")
			w, err := Create(lg, dir, nil, withFS(fsys), WithListener(r.listener()))
			require.NoError(t, err)
			require.NoError(t, w.SaveEntry(entries(1, 1)))
			r.set(what, how)
			fsys.FailOnce(faultfs.Datasync, 0, errTrouble)
			require.False(t, survives(t, func() { _ = w.SaveEntry(entries(2, 2)) }))
			require.False(t, inGoroutine(t, func() {
				require.ErrorIs(t, w.SaveEntry(entries(2, 2)), ErrFailed)
				require.ErrorIs(t, w.Close(), ErrFailed)
			}))
			openLog(t, dir, nil)
		}
	}
}

func TestListener_ThatPanicsInOpenLeavesTheLogUnlocked(t *testing.T) {
	for _, how := range []string{panics, exits} {
		for _, what := range []string{"Healed", "log"} {
			for name, open := range map[string]func(*zap.Logger, string, ...Option) error{
				"Open": func(lg *zap.Logger, dir string, opts ...Option) error {
					return closed(Open(lg, dir, nil, opts...))
				},
				"Repair": func(lg *zap.Logger, dir string, opts ...Option) error {
					_, err := Repair(lg, dir, opts...)
					return err
				},
			} {
				r := new(rude)
				lg, _ := r.logger()
				w, dir := newLog(t)
				require.NoError(t, w.SaveEntry(entries(1, 3)))
				require.NoError(t, w.Close())
				tear(t, segmentsOf(t, dir)[0])
				r.set(what, how)
				require.False(t, survives(t, func() { _ = open(lg, dir, WithListener(r.listener())) }),
					"%s in %s of %s", how, name, what)
				w = openLog(t, dir, nil)
				require.EqualValues(t, 3, w.LastIndex())
			}
		}
	}
}

func closed(w *WAL, err error) error {
	if err != nil {
		return err
	}
	return w.Close()
}

// A listener may look at the counters.
func TestListener_MayCallStats(t *testing.T) {
	var w *WAL
	var seen []uint64
	l := Listener{Saved: func(SaveEvent) { seen = append(seen, w.Stats().Saves) }}
	w, _ = newLog(t, WithListener(l))
	require.False(t, inGoroutine(t, func() {
		require.NoError(t, w.SaveEntry(entries(1, 1)))
		require.NoError(t, w.SaveEntry(entries(2, 2)))
	}))
	require.Equal(t, []uint64{1, 2}, seen)
}

// What there is to tell is put in the queue, everywhere: under which lock does not matter then.
func TestListener_NothingOfAWALIsToldButByTheQueue(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	direct := regexp.MustCompile(`w\.lg\.|w\.listener\.\w+\(|w\.opts\.listener\.\w+\(`)
	for _, file := range files {
		if file == "tell.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Empty(t, direct.FindString(string(src)), "%s: use warn, alarm or later", file)
	}
}

// A logger's hook that panics while a log is made leaves one that is there, and not locked.
func TestListener_ALoggerThatPanicsInCreateLeavesTheLogUnlocked(t *testing.T) {
	for _, how := range []string{panics, exits} {
		var lacks atomic.Uint32
		lacks.Store(uint32(vfs.LackReserve))
		fsys := faultfs.Wrap(vfs.OS{}, func(d vfs.Dir) vfs.Dir { return lackingDir{d, &lacks} })
		r, dir := new(rude), filepath.Join(t.TempDir(), "log")
		lg, _ := r.logger()
		r.set("log", how)
		require.False(t, survives(t, func() { _, _ = Create(lg, dir, nil, withFS(fsys)) }))
		require.True(t, r.wasMet())
		openLog(t, dir, nil)
	}
}
