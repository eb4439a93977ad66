package ioc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

// TestReady lets a start wait for a port, and the jail end meanwhile, never open it, or be given up on.
func TestReady(t *testing.T) {
	h := newHost(t, ioc.Options{})
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"ready": "tcp:80", "ready_timeout": "20"}}))
	asked := 0
	h.kernel.Listens = func(_ string, port uint16) bool {
		if port != 80 {
			t.Errorf("asked about port %d", port)
		}
		asked++
		return asked == 3
	}
	must(t, web.Start())
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
	must(t, web.Stop(ioc.StopOptions{}))

	h.kernel.Listens = func(string, uint16) bool { return false }
	must(t, web.Set(map[string]string{"ready_timeout": "1"}))
	if err := want(t, fault.Timeout, web.Start()); !strings.Contains(err.Error(), "tcp:80: nothing listens there after 1s") {
		t.Errorf("got %v", err)
	}
	h.quiet(t)

	must(t, web.Set(map[string]string{"ready_timeout": "3600"}))
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	waits := func(ev *events.Event) {
		if _, ok := ev.Payload.(*jail.Ready); ok {
			cancel(gone)
		}
	}
	if _, err := web.Start().Do(ctx, events.WithSink(waits), eventstest.Watch(t)); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	h.quiet(t)

	// A command whose jail ends while it is asked.
	must(t, web.Set(map[string]string{"ready": "exec:kill everything"}))
	h.kernel.Program = func(context.Context, sandbox.Process, sandbox.Stdio) (sandbox.Exit, error) {
		h.kernel.Kill(h.ID() + "-web")
		return sandbox.Exit{Code: 1, Known: true}, nil
	}
	if err := want(t, fault.Unavailable, web.Start()); !strings.Contains(err.Error(), "it ended while it was waited for") {
		t.Errorf("got %v", err)
	}
	h.quiet(t)
}
