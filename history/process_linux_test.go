package history_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/history"
)

// TestKilled has the stream of a process that was killed, up to the kill, and knows who has recovered it.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	d := history.In(dir, small)
	p := start(t, "steps", dir)
	p.reached(0)
	p.say("on")
	p.reached(1)
	o := one(t, d)
	if o.Outcome != history.Running {
		t.Errorf("outcome %s while it runs", o.Outcome)
	}
	p.kill()
	o = one(t, d)
	if o.Outcome != history.Crashed || o.Took <= 0 || o.By.Command != "child" {
		t.Errorf("operation %+v after the kill", o)
	}
	text := stream(t, d, o.Run.ID)
	for _, want := range []string{"step 0: succeeded", "step 1: pending", events.ErrTruncated.Error()} {
		if !strings.Contains(text, want) {
			t.Errorf("the stream does not say %q:\n%s", want, text)
		}
	}

	recovery := func(fail error) events.RunID {
		run := events.New(named("host.recover", ""), func(s events.Step) (int, error) {
			return 0, s.Do(named("run.recover", o.Run.ID.String()), func(events.Step) error { return fail })
		}).Start(context.Background(), keep(d))
		_, _ = run.Wait()
		return run.Info().ID
	}
	recovery(errors.New("busy"))
	if got := list(t, d, history.Filter{Run: o.Run.ID}); got[0].Outcome != history.Crashed {
		t.Errorf("outcome %s after a recovery that failed", got[0].Outcome)
	}
	by := recovery(nil)
	got := list(t, d, history.Filter{Run: o.Run.ID})
	if got[0].Outcome != history.Recovered || got[0].Recovery != by {
		t.Errorf("outcome %s by %s, want recovered by %s", got[0].Outcome, got[0].Recovery, by)
	}
}

// TestTorn has a last line that was being written.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	d := history.In(dir, small)
	p := start(t, "steps", dir)
	p.reached(0)
	p.kill()
	o := one(t, d)
	file := filepath.Join(dir, o.Run.ID.String()+".ndjson")
	for size := o.Size - 1; size > 0; size-- {
		if err := os.Truncate(file, size); err != nil {
			t.Fatal(err)
		}
		for got, err := range d.List(history.Filter{}) {
			if err == nil && got.Outcome != history.Crashed {
				t.Errorf("%d bytes: outcome %s", size, got.Outcome)
			}
		}
	}
}

// TestFollow sees two processes at once, one of which is killed, and nothing that had ended before.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	d := history.In(dir, small)
	if _, err := busy(2).Do(context.Background(), keep(d)); err != nil {
		t.Fatal(err)
	}
	a := start(t, "steps", dir)
	a.reached(0)
	a.say("on")
	a.reached(1) // before anybody follows
	var b *process
	seen := map[string]int{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := map[int]history.Outcome{}
	for f, err := range d.Follow(ctx, history.Filter{}) {
		crash, crashed := errors.AsType[*history.CrashError](err)
		if err != nil && !crashed {
			t.Fatal(err)
		}
		if crashed {
			if f.Event.Run != nil || crash.Operation.Run.ID != f.Operation.Run.ID {
				t.Errorf("a crash of %v with event %v", crash.Operation, f.Event)
			}
		} else {
			seen[f.Event.String()[:len("step 0: pend")]]++
		}
		begins := f.Event.Phase == events.Begin
		switch {
		case b == nil && begins && f.Event.Key() == "1":
			b = start(t, "steps", dir)
			b.reached(0)
		case begins && f.Event.Key() == "0" && b != nil:
			a.kill()
		case crashed:
			b.say("end")
		}
		if f.Operation.Outcome != history.Running {
			ended[len(ended)] = f.Operation.Outcome
			if len(ended) == 2 {
				cancel()
			}
		}
	}
	if b == nil {
		t.Fatal("the running operation was not seen")
	}
	b.end()
	if ended[0] != history.Crashed || ended[1] != history.Done {
		t.Errorf("ended %v, want crashed, then done", ended)
	}
	if seen["step 0: pend"] != 2 || seen["step 1: pend"] != 1 || seen["step 0: succ"] != 1 || seen["step 0: fail"] != 1 {
		t.Errorf("seen %v", seen)
	}
}

// TestFollowOne ends with the run.
func TestFollowOne(t *testing.T) {
	dir := t.TempDir()
	d := history.In(dir, small)
	p := start(t, "steps", dir)
	p.reached(0)
	id := one(t, d).Run.ID
	var last string
	for f, err := range d.Follow(t.Context(), history.Filter{Run: id}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Event.Key() == "0" && f.Event.Phase == events.Begin {
			p.say("end")
		}
		last = f.Event.String()
	}
	p.end()
	if !strings.HasPrefix(last, "jail.start web: succeeded") {
		t.Errorf("the last event is %s", last)
	}
	for f, err := range d.Follow(t.Context(), history.Filter{Run: id}) { // it is over
		if err != nil {
			t.Fatal(err)
		}
		last = f.Event.String()
	}
	if !strings.HasPrefix(last, "jail.start web: succeeded") {
		t.Errorf("again, the last event is %s", last)
	}
}

// TestBounded keeps to the limits while several processes write, and never removes what runs.
func TestBounded(t *testing.T) {
	dir := t.TempDir()
	d := history.In(dir, small)
	alive := start(t, "steps", dir)
	alive.reached(0)
	id := one(t, d).Run.ID
	var wait sync.WaitGroup
	for range 4 {
		p := start(t, "many", dir)
		wait.Go(func() {
			if err := p.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	all := list(t, d, history.Filter{})
	if len(all) > small.Count+4 || len(all) < small.Count/2 {
		t.Errorf("%d streams are kept, the limit is %d", len(all), small.Count)
	}
	if all[0].Run.ID != id || all[0].Outcome != history.Running {
		t.Errorf("the oldest is %s (%s), want the one that runs, %s", all[0].Run.ID, all[0].Outcome, id)
	}
	alive.say("end")
	alive.end()
	if got := list(t, d, history.Filter{Run: id}); len(got) != 1 || got[0].Outcome != history.Done {
		t.Errorf("the one that ran is %+v", got)
	}
}

// TestBytes removes old streams when all are too large.
func TestBytes(t *testing.T) {
	d := history.In(t.TempDir(), history.Limits{Count: 124, Bytes: 256 << 10})
	for range 200 {
		if _, err := busy(20).Do(context.Background(), keep(d)); err != nil {
			t.Fatal(err)
		}
	}
	var sum int64
	for _, o := range list(t, d, history.Filter{}) {
		sum += o.Size
	}
	if sum > 320<<10 || sum < 128<<10 {
		t.Errorf("%d bytes are kept, the limit is %d", sum, 256<<10)
	}
}

// TestFullDisk lets no operation fail, keeps no half stream, and says why.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("left out: a small file system can be mounted by root only")
	}
	if _, err := exec.LookPath("mount"); err != nil {
		t.Skip("left out: ", err)
	}
	dir := t.TempDir()
	// Nobody sees this mount but the thread that dies with the test, so a killed test leaves none.
	done := make(chan struct{})
	go func() {
		defer close(done)
		lockedThread(t, dir, func() {
			d := history.In(filepath.Join(dir, "history"), history.Limits{})
			if _, err := busy(5).Do(context.Background(), keep(d)); err != nil || d.Err() != nil {
				t.Errorf("with room: %v, %v", err, d.Err())
			}
			if n, err := busy(2000).Do(context.Background(), keep(d)); err != nil || n != 2000 {
				t.Errorf("without room: %d steps, %v", n, err)
			}
			if err := d.Err(); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("Err is %v, want no space left on device", err)
			}
			if o := one(t, d); o.Outcome != history.Done {
				t.Errorf("kept is %+v", o)
			}
			if _, err := busy(5).Do(context.Background(), keep(d)); err != nil {
				t.Errorf("when there is room again: %v", err)
			}
			if all := list(t, d, history.Filter{}); len(all) != 2 {
				t.Errorf("%d streams are kept, want the first and the last", len(all))
			}
		})
	}()
	<-done
}

// TestNoDirectory gives up what cannot be begun.
func TestNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := history.In(file, history.Limits{})
	if _, err := busy(3).Do(context.Background(), keep(d)); err != nil {
		t.Fatal(err)
	}
	if err := d.Err(); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("Err is %v, want not a directory", err)
	}
}
