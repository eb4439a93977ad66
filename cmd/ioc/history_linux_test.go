package main

import (
	"strings"
	"syscall"
	"testing"
)

// TestFollowCommand watches from another process how a start is killed and recovered.
func TestFollowCommand(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		slow(at)
		f := at.watch(at.ioc("events", "--follow", "--events", "ndjson"))
		w := at.watch(at.ioc("--events", "ndjson", "start", "web"))
		w.until("begin", "jail.hook")
		f.until("begin", "jail.hook")
		outcome := func() string {
			return strings.TrimSpace(at.do("events", "-H", "--jail", "web", "-o", "what,outcome", "--sort=-started"))
		}
		if got := outcome(); !strings.HasPrefix(got, "start web\trunning\n") {
			t.Errorf("while it runs the history is\n%s", got)
		}
		if err := w.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		w.end()
		if got := outcome(); !strings.HasPrefix(got, "start web\tcrashed\n") {
			t.Errorf("after the kill the history is\n%s", got)
		}
		at.do("recover")
		f.until("end", "host.recover")
		if got := outcome(); !strings.HasPrefix(got, "start web\trecovered\n") {
			t.Errorf("after the recovery the history is\n%s", got)
		}
		if text := at.do("events", "--failed", "-H", "-o", "id"); strings.TrimSpace(text) == "" {
			t.Error("it is not among what failed")
		} else if shown := at.do("events", strings.TrimSpace(text)); !strings.Contains(shown, "; recovered by 01") {
			t.Errorf("shown again it is\n%s", shown)
		}
		if err := f.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code, _ := f.end(); code != 0 {
			t.Errorf("following ended with %d, want 0: %s", code, f.stderr.String())
		}
	})
}
