package history_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/history"
)

// list gives all that is kept, and fails for what cannot be read.
func list(t *testing.T, d *history.Dir, f history.Filter) []history.Operation {
	t.Helper()
	var all []history.Operation
	for o, err := range d.List(f) {
		if err != nil {
			t.Fatalf("List: %v of %v", err, o.Run.ID)
		}
		all = append(all, o)
	}
	return all
}

// one gives the only operation that is kept.
func one(t *testing.T, d *history.Dir) history.Operation {
	t.Helper()
	all := list(t, d, history.Filter{})
	if len(all) != 1 {
		t.Fatalf("%d operations are kept, want 1: %+v", len(all), all)
	}
	return all[0]
}

func keep(d *history.Dir) events.Option {
	return events.WithSinks(d.Recorder(history.Origin{UID: 7, Command: "test"}))
}

// stream is an operation's kept stream as text.
func stream(t *testing.T, d *history.Dir, id events.RunID) string {
	t.Helper()
	var b strings.Builder
	for ev, err := range d.Events(id) {
		if err != nil {
			b.WriteString(err.Error() + "\n")
			break
		}
		b.WriteString(ev.String() + "\n")
	}
	return b.String()
}

// TestKept gives back what an operation's own events were.
func TestKept(t *testing.T) {
	d := history.In(filepath.Join(t.TempDir(), "history"), history.Limits{})
	var want strings.Builder
	for ev := range busy(3).Events(context.Background(), keep(d), events.WithOrigin("host", 42)) {
		want.WriteString(ev.String() + "\n")
	}
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	o := one(t, d)
	if o.Outcome != history.Done || o.By.UID != 7 || o.By.Command != "test" || o.Run.PID != 42 || o.Run.Host != "host" ||
		o.Key != "web" || o.What() != "jail.start web" || o.Took <= 0 || o.Err != nil {
		t.Errorf("operation %+v", o)
	}
	if got := stream(t, d, o.Run.ID); got != want.String() {
		t.Errorf("kept\n%swant\n%s", got, want.String())
	}
}

// TestPrivate keeps streams from other users.
func TestPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	if _, err := busy(1).Do(context.Background(), keep(history.In(dir, history.Limits{}))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOutcomes tells how operations ended.
func TestOutcomes(t *testing.T) {
	fail := errors.New("no such device")
	step := func(err error) func(events.Step) (int, error) {
		return func(s events.Step) (int, error) {
			_ = s.Do(named("step", ""), func(events.Step) error { return nil })
			return 0, err
		}
	}
	cases := []struct {
		name string
		body func(events.Step) (int, error)
		want history.Outcome // empty: it is not kept
	}{
		{"done", step(nil), history.Done},
		{"failed", step(fail), history.Failed},
		{"at_once", func(events.Step) (int, error) { return 0, fail }, history.Failed},
		{"cancelled", step(context.Canceled), history.Cancelled},
		{"skipped_at_once", func(events.Step) (int, error) { return 0, events.Skip("so already") }, ""},
		{"only_skips", func(s events.Step) (int, error) {
			_ = s.Do(named("step", ""), func(events.Step) error { return events.Skip("so already") })
			return 0, events.Skip("so already")
		}, ""},
		{"skipped", step(events.Skip("so already")), history.Skipped},
		{"residue", func(s events.Step) (int, error) {
			err := s.Do(named("step", ""), func(s events.Step) error {
				s.OnRollback("undo", func(events.Step) error { return errors.New("busy") })
				return nil
			})
			return 0, errors.Join(err, fail)
		}, history.Residue},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "history")
			d := history.In(dir, history.Limits{})
			_, _ = events.New(named("jail.start", "web"), c.body).Do(context.Background(), keep(d))
			if err := d.Err(); err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if left, err := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 || err != nil {
					t.Errorf("kept %v, %v", left, err)
				}
				return
			}
			o := one(t, d)
			if o.Outcome != c.want {
				t.Errorf("outcome %s, want %s: %+v", o.Outcome, c.want, o)
			}
			if failed := list(t, d, history.Filter{Failed: true}); (len(failed) == 1) != c.want.Failure() {
				t.Errorf("%d failed, the outcome is %s", len(failed), o.Outcome)
			}
		})
	}
}

// TestFilters choose by time and jail.
func TestFilters(t *testing.T) {
	d := history.In(t.TempDir(), history.Limits{})
	for _, p := range []events.Payload{
		named("jail.start", "web"), named("jail.several", "db web-2"), named("release.import", "web"),
	} {
		op := events.New(p, func(s events.Step) (int, error) {
			return 0, s.Do(named("step", ""), func(events.Step) error { return nil })
		})
		if _, err := op.Do(context.Background(), keep(d)); err != nil {
			t.Fatal(err)
		}
	}
	all := list(t, d, history.Filter{})
	if len(all) != 3 {
		t.Fatalf("%d operations, want 3", len(all))
	}
	for jail, want := range map[string]int{"web": 1, "db": 1, "web-2": 1, "we": 0} {
		if got := list(t, d, history.Filter{Jail: jail}); len(got) != want {
			t.Errorf("jail %s: %d operations, want %d", jail, len(got), want)
		}
	}
	if got := list(t, d, history.Filter{Since: all[2].Run.Started.Add(time.Second)}); len(got) != 0 {
		t.Errorf("%d operations began later than the last one", len(got))
	}
	if got := list(t, d, history.Filter{Since: all[0].Run.Started}); len(got) != 3 {
		t.Errorf("%d operations began when the first one did or later, want 3", len(got))
	}
}

// TestProgress thins out what comes faster than anybody reads, but for what was said.
func TestProgress(t *testing.T) {
	d := history.In(t.TempDir(), history.Limits{})
	var now time.Duration
	op := events.New(named("fetch", ""), func(s events.Step) (int, error) {
		return 0, s.Do(named("get", ""), func(s events.Step) error {
			if err := errors.Join(s.Progress(events.Output{Lines: []string{"one"}}), s.Progress(events.Output{Lines: []string{"two"}})); err != nil {
				return err
			}
			for i := range 1000 {
				now += time.Millisecond
				if err := s.Progress(events.Amount{Done: int64(i), Unit: "bytes"}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if _, err := op.Do(context.Background(), keep(d), events.WithClock(func() time.Duration { return now })); err != nil {
		t.Fatal(err)
	}
	text := stream(t, d, one(t, d).Run.ID)
	if count := strings.Count(text, " bytes\n") + strings.Count(text, " B\n"); count != 10 {
		t.Errorf("%d of 1000 progress events in a second are kept, want 10", count)
	}
	if !strings.Contains(text, "one\n") || !strings.Contains(text, "two\n") {
		t.Errorf("what was said is missing:\n%s", text)
	}
}

// TestLong bounds one stream and still knows its end.
func TestLong(t *testing.T) {
	d := history.In(t.TempDir(), history.Limits{Bytes: 64 << 10})
	if _, err := busy(1000).Do(context.Background(), keep(d)); err != nil {
		t.Fatal(err)
	}
	o := one(t, d)
	if !o.Cut || o.Outcome != history.Done || o.Size > 18<<10 {
		t.Errorf("cut %v, outcome %s, %d bytes", o.Cut, o.Outcome, o.Size)
	}
	if got := stream(t, d, o.Run.ID); !strings.HasSuffix(got, "\n") || strings.Contains(got, "stream ends") {
		t.Errorf("the stream is not whole: %s", got[len(got)-100:])
	}
}

// TestLongTitle has more in its first and last lines than is read at first.
func TestLongTitle(t *testing.T) {
	d := history.In(t.TempDir(), history.Limits{})
	long := strings.Repeat("jail-with-a-name ", 4000)
	op := events.New(named("jail.several", long), func(s events.Step) (int, error) {
		return 0, errors.New(long)
	})
	_, _ = op.Do(context.Background(), keep(d))
	if o := one(t, d); o.Key != long || o.Outcome != history.Failed || o.Err.Error() != long {
		t.Errorf("key of %d bytes, outcome %s", len(o.Key), o.Outcome)
	}
}

// TestBroken keeps on where one stream cannot be read.
func TestBroken(t *testing.T) {
	dir := t.TempDir()
	d := history.In(dir, history.Limits{})
	for name, text := range map[string]string{
		"01JDA7Q0000000000000000000.ndjson": "nonsense\n",
		"01JDA7Q0000000000000000001.ndjson": `{"v":99,"run":"01JDA7Q0000000000000000001"}` + "\n",
		"01JDA7Q0000000000000000002.ndjson": "",
		"notes":                             "mine",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := busy(1).Do(context.Background(), keep(d)); err != nil {
		t.Fatal(err)
	}
	var failed, fine int
	for _, err := range d.List(history.Filter{}) {
		if err != nil {
			failed++
			continue
		}
		fine++
	}
	if failed != 2 || fine != 1 {
		t.Errorf("%d streams failed and %d did not, want 2 and 1", failed, fine)
	}
}

// TestOrder lists the oldest first.
func TestOrder(t *testing.T) {
	d := history.In(t.TempDir(), history.Limits{})
	for range 5 {
		if _, err := busy(1).Do(context.Background(), keep(d)); err != nil {
			t.Fatal(err)
		}
	}
	all := list(t, d, history.Filter{})
	if !slices.IsSortedFunc(all, func(a, b history.Operation) int {
		return a.Run.Started.Truncate(time.Millisecond).Compare(b.Run.Started.Truncate(time.Millisecond))
	}) || len(all) != 5 {
		t.Errorf("order %+v", all)
	}
}
