package ioc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

// hold stops an operation at its first event of a type until it is told to go on.
func hold[T any](t *testing.T, op events.Op[T], at string) (reached, goOn chan struct{}, ended chan error) {
	t.Helper()
	reached, goOn, ended = make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		run := op.Start(t.Context(), eventstest.Watch(t))
		once := sync.OnceFunc(func() {
			close(reached)
			<-goOn
		})
		for ev := range run.Events() {
			if ev.Type() == at {
				once()
			}
		}
		ended <- run.Err()
	}()
	return reached, goOn, ended
}

// TestTwoAtOnce starts an operation while another one is at work on the same jail.
func TestTwoAtOnce(t *testing.T) {
	h := newHost(t, ioc.Options{})
	created(t, h)
	must(t, h.JailGenerator("db").Create(ioc.CreateOptions{}))
	web := h.JailGenerator("web")
	reached, goOn, ended := hold(t, web.Start(), "sandbox.spawn")
	<-reached
	for name, op := range map[string]operation{
		"stop":    erase(web.Stop(ioc.StopOptions{})),
		"start":   erase(web.Start()),
		"set":     erase(web.Set(map[string]string{"notes": "x"})),
		"rename":  erase(h.JailGenerator("db").Rename("web")),
		"clone":   erase(web.Clone("copy", ioc.CloneOptions{})),
		"destroy": erase(web.Destroy(ioc.DestroyOptions{Force: true})),
	} {
		evs := watch(t, op, nil)
		err := evs[len(evs)-1].Err
		by, ok := errors.AsType[*fault.HeldError](err)
		if !errors.Is(err, fault.Busy) || !ok || by.Op != "start" || by.PID != os.Getpid() || by.Since.IsZero() {
			t.Errorf("%s: got %v, want busy with start", name, err)
		}
		if len(evs) != 2 {
			t.Errorf("%s: it did something:\n%s", name, eventstest.Outline(evs))
		}
	}
	// A recovery leaves alone what lives, and another jail is nobody's concern.
	skipped(t, h.Recover())
	must(t, h.JailGenerator("db").Start())
	in(t, h.Jail("web"), jail.Stopped)
	close(goOn)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	in(t, h.Jail("web"), jail.Running)
	h.quiet(t)
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, ioc.Options{Wait: time.Minute})
		created(t, h)
		web := h.JailGenerator("web")
		reached, goOn, ended := hold(t, web.Start(), "sandbox.spawn")
		<-reached
		// It gives up.
		began := time.Now()
		err := want(t, fault.Busy, web.Stop(ioc.StopOptions{}))
		if took := time.Since(began); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("it waited %v", took)
		}
		if by, ok := errors.AsType[*fault.HeldError](err); !ok || by.Op != "start" {
			t.Errorf("got %v", err)
		}
		// It is cancelled.
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, context.Canceled)
		defer cancel()
		if _, err := web.Stop(ioc.StopOptions{}).Do(ctx); fault.KindOf(err) != fault.Cancelled && fault.KindOf(err) != fault.Timeout {
			t.Errorf("cancelled: got %v", err)
		}
		// It gets its turn.
		time.AfterFunc(10*time.Second, func() { close(goOn) })
		evs, _, err := eventstest.Record(t, web.Stop(ioc.StopOptions{}))
		if err != nil {
			t.Fatal(err)
		}
		if got := eventstest.Outline(evs); !strings.Contains(got, "end lock.wait jails/web: succeeded") {
			t.Errorf("got\n%s", got)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		h.quiet(t)
	})
}

// TestFirstRelease lets many make their first jail at once: one gets the release.
func TestFirstRelease(t *testing.T) {
	h := newHost(t, ioc.Options{})
	const n = 50
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() {
			_, errs[i] = h.JailGenerator(fmt.Sprintf("j%d", i)).Run(ioc.RunOptions{Exec: command("true")}).Do(t.Context(), eventstest.Watch(t))
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	jails, err := h.Jails(t.Context())
	if err != nil || len(jails) != n || slices.ContainsFunc(jails, func(i jail.Info) bool { return i.State != jail.Running }) {
		t.Errorf("got %d, %v", len(jails), err)
	}
	h.quiet(t)
}

// TestStopTimeout stops jails whose processes do not end.
func TestStopTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, ioc.Options{})
		h.kernel.Deaf = true
		web := h.JailGenerator("web")
		must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"stop_timeout": "7"}}))
		stop := func(o ioc.StopOptions) time.Duration {
			must(t, web.Start())
			began := time.Now()
			evs, _, err := eventstest.Record(t, web.Stop(o))
			if err != nil {
				t.Fatal(err)
			}
			if got := eventstest.Outline(evs); !o.Force && !strings.Contains(got, "processes were left after 7s and are killed") {
				t.Errorf("got\n%s", got)
			}
			in(t, h.Jail("web"), jail.Stopped)
			return time.Since(began)
		}
		if took := stop(ioc.StopOptions{}); took != 7*time.Second {
			t.Errorf("it took %v", took)
		}
		if took := stop(ioc.StopOptions{Force: true}); took != 0 {
			t.Errorf("with force it took %v", took)
		}
		// Who gives up while it waits gets a stopped jail all the same, at once.
		must(t, web.Start())
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := web.Stop(ioc.StopOptions{}).Do(ctx, eventstest.Watch(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: got %v", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("cancelled: it took %v", took)
		}
		in(t, h.Jail("web"), jail.Stopped)
		h.quiet(t)
	})
}

func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, ioc.Options{})
		var ran []string
		h.kernel.Program = func(ctx context.Context, p sandbox.Process, _ sandbox.Stdio) (sandbox.Exit, error) {
			ran = append(ran, strings.Join(p.Args, " ")+" as "+p.User.Name)
			switch p.Args[2] {
			case "fail":
				return sandbox.Exit{Code: 3, Known: true}, nil
			case "hang":
				<-ctx.Done()
			}
			return sandbox.Exit{Known: true}, nil
		}
		web := h.JailGenerator("web")
		must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{
			"exec_start": "good", "exec_stop": "good", "exec_jail_user": "www", "exec_timeout": "9",
		}}))
		must(t, web.Start())
		must(t, web.Stop(ioc.StopOptions{}))
		if want := []string{"/bin/sh -c good as www", "/bin/sh -c good as www"}; !slices.Equal(ran, want) {
			t.Errorf("ran %q, want %q", ran, want)
		}

		must(t, web.Set(map[string]string{"exec_start": "fail"}))
		was := h.text(t)
		_, err := eventstest.Verify(t, web.Start())
		if err == nil || !strings.Contains(err.Error(), "exec_start web: exit 3") {
			t.Errorf("exec_start fails: got %v", err)
		}
		if is := h.text(t); is != was {
			t.Errorf("it is not as before:\n%s\n%s", was, is)
		}

		must(t, web.Set(map[string]string{"exec_start": "hang"}))
		began := time.Now()
		want(t, fault.Timeout, web.Start())
		if took := time.Since(began); took != 9*time.Second {
			t.Errorf("it took %v", took)
		}
		in(t, h.Jail("web"), jail.Stopped)

		// A stop goes on without its hook, and restart says that the jail is stopped.
		must(t, web.Set(map[string]string{"exec_start": "", "exec_stop": "fail"}))
		must(t, web.Start())
		must(t, web.Set(map[string]string{"exec_start": "fail"}))
		_, err = eventstest.Verify(t, web.Restart(ioc.StopOptions{}))
		if err == nil || !strings.Contains(err.Error(), "it is stopped") {
			t.Errorf("restart: got %v", err)
		}
		in(t, h.Jail("web"), jail.Stopped)
		h.quiet(t)
	})
}
