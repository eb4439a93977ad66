package ioc_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

// sleeper runs until it is killed.
func sleeper(ctx context.Context, _ sandbox.Process, _ sandbox.Stdio) (sandbox.Exit, error) {
	<-ctx.Done()
	return sandbox.Exit{}, nil
}

func TestExecPassesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, ioc.Options{})
		h.kernel.Program = sleeper
		started(t, h)
		sizes, signals := make(chan sandbox.Size), make(chan syscall.Signal)
		var order []string
		o := command("sleep", "secret")
		o.Resize, o.Signals = sizes, signals
		o.Attach = func(sandbox.Session) func() {
			order = append(order, "attached")
			go func() {
				sizes <- sandbox.Size{Rows: 1, Cols: 2}
				close(sizes)
				signals <- syscall.SIGUSR1
				signals <- syscall.SIGINT
			}()
			return func() { order = append(order, "detached") }
		}
		evs, exit, err := eventstest.Record(t, h.JailGenerator("web").Exec(o))
		if err != nil || exit != (sandbox.Exit{Signal: syscall.SIGINT, Known: true}) || exit.Status() != 130 {
			t.Errorf("got %v, %v", exit, err)
		}
		if got := strings.Join(order, " "); got != "attached detached" {
			t.Errorf("got %s", got)
		}
		outline := eventstest.Outline(evs)
		if !strings.Contains(outline, "progress jail.exec web: signal: user defined signal 1") {
			t.Errorf("got\n%s", outline)
		}
		for _, ev := range evs {
			if line, err := ev.MarshalJSON(); err != nil || strings.Contains(string(line), "secret") {
				t.Errorf("an argument is in the stream: %s, %v", line, err)
			}
		}
	})
}

// TestExecHoldsNoLock stops a jail while somebody is in it, and cancels who is.
func TestExecHoldsNoLock(t *testing.T) {
	for name, run := range map[string]func(h *testHost, o ioc.ExecOptions) operation{
		"exec": func(h *testHost, o ioc.ExecOptions) operation { return erase(h.JailGenerator("web").Exec(o)) },
		"run": func(h *testHost, o ioc.ExecOptions) operation {
			return erase(h.JailGenerator("web").Run(ioc.RunOptions{Exec: o}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, ioc.Options{})
				h.kernel.Program = sleeper
				created(t, h)
				if name == "exec" {
					must(t, h.JailGenerator("web").Start())
				}
				in1, in2 := make(chan struct{}), make(chan struct{})
				ended := make(chan error, 1)
				go func() {
					o := command("sleep")
					o.Attach = func(sandbox.Session) func() { close(in1); return nil }
					r := run(h, o)(t.Context(), eventstest.Watch(t))
					for range r.Events() { //nolint:revive // drained
					}
					ended <- r.Err()
				}()
				<-in1
				in(t, h.Jail("web"), jail.Running)

				// A second one is cancelled; the jail stays.
				ctx, cancel := context.WithCancel(t.Context())
				second := make(chan error, 1)
				go func() {
					o := command("sleep")
					o.Attach = func(sandbox.Session) func() { close(in2); return nil }
					r := run(h, o)(ctx, eventstest.Watch(t))
					for range r.Events() { //nolint:revive // drained
					}
					second <- r.Err()
				}()
				<-in2
				cancel()
				if err := <-second; !errors.Is(err, context.Canceled) {
					t.Errorf("cancelled: got %v", err)
				}
				if n := len(h.kernel.Objects()); n != 3 {
					t.Errorf("in the kernel: %q", h.kernel.Objects())
				}
				must(t, h.JailGenerator("web").Stop(ioc.StopOptions{}))
				if err := <-ended; err != nil {
					t.Errorf("killed by the stop: got %v, want how it ended as a value", err)
				}
				in(t, h.Jail("web"), jail.Stopped)
				h.quiet(t)
			})
		})
	}
}

// TestRunTakesBack runs a command that cannot be started, in a jail in every state.
func TestRunTakesBack(t *testing.T) {
	for name, setup := range map[string]func(*testing.T, *testHost){
		"missing": func(t *testing.T, h *testHost) {
			created(t, h)
			must(t, h.JailGenerator("web").Destroy(ioc.DestroyOptions{}))
		},
		"stopped": created,
		"running": started,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, ioc.Options{})
			setup(t, h)
			was := h.text(t)
			h.kernel.Missing = "nope"
			_, err := eventstest.Verify(t, h.JailGenerator("web").Run(ioc.RunOptions{Exec: command("nope")}))
			if missing, ok := errors.AsType[*sandbox.ExecError](err); !ok || missing.Status() != 127 {
				t.Errorf("got %v", err)
			}
			if is := h.text(t); is != was {
				t.Errorf("it is not as before:\n%s\n%s", was, is)
			}
			h.quiet(t)
		})
	}
	h := newHost(t, ioc.Options{})
	want(t, fault.NotFound, h.JailGenerator("nope").Exec(command("true")))
	created(t, h)
	want(t, fault.Unavailable, h.JailGenerator("web").Exec(command("true")))
	want(t, fault.Unavailable, h.JailGenerator("web").Console(ioc.ExecOptions{}))
}
