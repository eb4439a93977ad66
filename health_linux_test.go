package ioc_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

// handClock goes on when it is told to.
type handClock struct {
	mu    sync.Mutex
	more  *sync.Cond
	waits map[time.Duration][]chan time.Time
}

func newHandClock() *handClock {
	c := &handClock{waits: map[time.Duration][]chan time.Time{}}
	c.more = sync.NewCond(&c.mu)
	return c
}

func (c *handClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.waits[d] = append(c.waits[d], ch)
	c.more.Broadcast()
	return ch
}

// await waits until so many wait for d.
func (c *handClock) await(d time.Duration, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waits[d]) < n {
		c.more.Wait()
	}
}

// pass waits until somebody waits for d, and lets it go by for all who do.
func (c *handClock) pass(d time.Duration) {
	c.await(d, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.waits[d] {
		ch <- time.Time{}
	}
	delete(c.waits, d)
}

// monitored is a monitor that runs, and what it tells: marks, out of memory, and the ends of its operations.
type monitored struct {
	*handClock
	told chan string
	over chan error // what it ended with
	end  context.CancelFunc
}

func monitor(t *testing.T, h *ioc.Host) *monitored {
	ctx, cancel := context.WithCancel(t.Context())
	m := &monitored{newHandClock(), make(chan string), make(chan error, 1), cancel}
	t.Cleanup(cancel)
	go func() {
		var last error
		said := map[events.RunID]string{}
		for ev, err := range h.Monitor(ctx, ioc.MonitorOptions{Clock: m}) {
			last = err
			if err != nil {
				continue
			}
			text := said[ev.Run.ID]
			switch p := ev.Payload.(type) {
			case *jail.Mark:
				if ev.Kind != events.Forward {
					continue
				}
				text = fmt.Sprintf("%s %d", p.Now.Health, p.Now.Failures)
			case *jail.OutOfMemory:
				text = fmt.Sprintf("killed %d", p.Killed)
			case *jail.Revive:
				text = p.Why
			case *jail.Abandon:
				text = "given up"
			}
			if said[ev.Run.ID] = text; text == "" || ev.Parent != 0 || !ev.Done() {
				continue
			}
			if ev.Status != events.Succeeded {
				text += ": " + ev.Status.String()
			}
			select {
			case m.told <- text:
			case <-ctx.Done():
			}
		}
		m.over <- last
	}()
	return m
}

// says wants these to be told next.
func (m *monitored) says(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-m.told:
			if got != w {
				t.Fatalf("it told %q, want %q", got, w)
			}
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

func operations(t *testing.T, h *ioc.Host) (n int) {
	t.Helper()
	for _, err := range h.History(ioc.HistoryFilter{}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestLinuxMonitor checks and restarts a jail: one that is unhealthy, one that was killed, and not one that was stopped.
func TestLinuxMonitor(t *testing.T) {
	h := realHost(t)
	web, j := h.JailGenerator("web"), h.Jail("web")
	const interval = 7 * time.Second
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{
		"health": "file:/tmp/ok", "health_interval": "7", "health_retries": "2", "restart": "on-failure",
	}}))
	health := func(want jail.Health) {
		t.Helper()
		i, err := web.Info(t.Context())
		if err != nil || i.Health != want || i.State != jail.Running || i.Value("health_state") != string(want) {
			t.Errorf("got %s, %q (%s), %v; want %q", i.State, i.Health, i.Reason, err, want)
		}
	}
	must(t, web.Start())
	health(jail.Starting)
	m := monitor(t, h)
	m.says(t, "starting 1")
	m.pass(interval)
	m.says(t, "unhealthy 2")
	health(jail.Unhealthy)
	m.pass(time.Second)
	m.says(t, "unhealthy: it is not there", "starting 1")
	if _, err := output(h, "web", "touch /tmp/ok"); err != nil {
		t.Fatal(err)
	}
	m.pass(interval)
	m.says(t, "healthy 0")
	health(jail.Healthy)

	// A check that changes nothing is not kept.
	before := operations(t, h)
	m.pass(interval)
	m.pass(interval)
	m.await(interval, 1) // the second one is over
	if after := operations(t, h); after != before {
		t.Errorf("%d operations are kept of checks that changed nothing", after-before)
	}

	// It dies, and is started after a longer pause.
	i := in(t, j, jail.Running)
	if err := syscall.Kill(i.Sandbox.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	m.pass(2 * time.Second)
	m.says(t, "it ended: signal: killed", "healthy 0")
	if again := in(t, j, jail.Running); again.Sandbox.PID == i.Sandbox.PID {
		t.Error("it was not started again")
	}

	// There is one monitor of a root, and it can be ended and begun at any time.
	for _, err := range h.Monitor(t.Context(), ioc.MonitorOptions{}) {
		if !errors.Is(err, fault.Busy) {
			t.Errorf("a second monitor: got %v", err)
		}
	}
	m.end()
	if err := <-m.over; err != nil {
		t.Error(err)
	}
	health(jail.Healthy)
	if _, err := output(h, "web", "rm /tmp/ok"); err != nil {
		t.Fatal(err)
	}
	m = monitor(t, h)
	m.says(t, "healthy 1")

	// What is stopped stays so.
	must(t, web.Stop(ioc.StopOptions{}))
	in(t, j, jail.Stopped)
	m.end()
	<-m.over
	if left, _ := filepath.Glob(filepath.Join(h.Root(), "run", "*", "web*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	nothingLeft(t, h)
}

// TestLinuxRestartPolicy: how it ended counts, and after restart_limit it is given up.
func TestLinuxRestartPolicy(t *testing.T) {
	h := realHost(t)
	web, j := h.JailGenerator("web"), h.Jail("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"restart": "always", "restart_limit": "2"}}))
	must(t, web.Start())
	m := monitor(t, h)
	ends := func() {
		t.Helper()
		if _, err := output(h, "web", "kill -TERM 1; sleep 1000"); err == nil {
			t.Fatal("it did not end")
		}
	}
	ends()
	m.pass(time.Second)
	m.says(t, "it ended: exit 0")
	in(t, j, jail.Running)
	// A start that fails is tried again.
	must(t, web.Set(map[string]string{"exec_start": "exit 3"}))
	ends()
	m.pass(2 * time.Second)
	m.says(t, "it ended: exit 0: failed", "given up: failed")
	in(t, j, jail.Stopped)
	// Started by somebody it is watched anew. By itself it ends for good where that is no failure.
	must(t, web.Set(map[string]string{"exec_start": "", "restart": "on-failure", "health": "file:/bin/sh"}))
	must(t, web.Start())
	first, err := unix.PidfdOpen(in(t, j, jail.Running).Sandbox.PID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(first)
	const look = 5 * time.Second
	m.pass(look)
	m.says(t, "healthy 0") // somebody attends it
	ends()
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(first), Events: unix.POLLIN}}, 10000); err != nil {
		t.Fatal(err)
	}
	m.pass(look)
	m.pass(look)
	in(t, j, jail.Dead)
	m.end()
	<-m.over
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}

// TestLinuxHealthOnce asks once, by a command that says no, hangs, and is not there.
func TestLinuxHealthOnce(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"health_retries": "2"}}))
	want(t, fault.Unavailable, web.Check())
	must(t, web.Start())
	if err := want(t, fault.Invalid, web.Check()); !strings.Contains(err.Error(), "nothing says") {
		t.Errorf("got %v", err)
	}
	for _, step := range []struct {
		health string
		want   string
	}{
		{"exec:exit 3", "starting: exit 3"},
		{"exec:true", "healthy"},
		{"exec:sleep 1000", "healthy: no answer within 1s"},
		{"tcp:9", "unhealthy: nothing listens there"},
		{"exec:exit 4", "unhealthy: exit 4"},
		{"file:/bin/sh", "healthy"},
	} {
		must(t, web.Set(map[string]string{"health": step.health, "health_timeout": map[bool]string{true: "1"}[strings.Contains(step.health, "sleep")]}))
		if got := must(t, web.Check()); got.String() != step.want {
			t.Errorf("%s: got %s, want %s", step.health, got, step.want)
		}
	}
	must(t, web.Set(map[string]string{"health": "file:/nosuch", "health_start_period": "3600"}))
	must(t, web.Restart(ioc.StopOptions{}))
	for range 3 {
		if got := must(t, web.Check()); got.String() != "starting: it is not there" || got.Failures != 0 {
			t.Errorf("got %s", got)
		}
	}
	want(t, fault.Invalid, web.Set(map[string]string{"restart": "sometimes"}))
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}

// TestLinuxOutOfMemory tells once what the kernel killed: when a command has ended, by a monitor, and before a stop.
func TestLinuxOutOfMemory(t *testing.T) {
	h := realHost(t)
	if f := h.Features(t.Context()).Sandbox; !f.Memory {
		t.Skip("this host keeps no limits: ", f.Why["Memory"])
	}
	web := h.JailGenerator("web")
	const greedy = "x=aaaaaaaa; while :; do x=$x$x; done"
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"memoryuse": "32M"}}))
	must(t, web.Start())
	told := func(evs []events.Event) (n int64) {
		for _, ev := range evs {
			if p, ok := events.As[*jail.OutOfMemory](ev); ok && ev.Done() {
				n += p.Killed
			}
		}
		return n
	}
	evs, exit, err := eventstest.Record(t, web.Exec(command("/bin/sh", "-c", greedy)))
	if err != nil || exit.Signal != syscall.SIGKILL || told(evs) != 1 {
		t.Errorf("got %v, %v, and it told of %d:\n%s", exit, err, told(evs), eventstest.Outline(evs))
	}
	if evs, _, err = eventstest.Record(t, web.Exec(command("/bin/true"))); err != nil || told(evs) != 0 {
		t.Errorf("got %v, and it told of %d once more", err, told(evs))
	}
	greed := func() {
		t.Helper()
		if _, err := output(h, "web", "/bin/sh -c '"+greedy+"'; true"); err != nil {
			t.Error(err)
		}
	}
	var kept bool
	for o, err := range h.History(ioc.HistoryFilter{}) {
		for ev, err := range h.Replay(o.Run.ID) {
			kept = kept || err == nil && ev.Payload.EventType() == "jail.oom"
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !kept {
		t.Error("the history does not have it")
	}
	greed() // its own end tells of it
	if evs, _, err = eventstest.Record(t, web.Stop(ioc.StopOptions{})); err != nil || told(evs) != 0 {
		t.Errorf("got %v, and it told of %d once more", err, told(evs))
	}
	must(t, web.Set(map[string]string{"exec_start": "/bin/sh -c '" + greedy + "'; true"}))
	must(t, web.Start())
	// What no command waits for is told by a monitor.
	m := monitor(t, h)
	m.says(t, "killed 1")
	m.end()
	<-m.over
	must(t, web.Restart(ioc.StopOptions{}))
	if evs, _, err = eventstest.Record(t, web.Stop(ioc.StopOptions{})); err != nil || told(evs) != 1 {
		t.Errorf("got %v, and the stop told of %d", err, told(evs))
	}
	nothingLeft(t, h)
}
