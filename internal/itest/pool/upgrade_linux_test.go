package pool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
)

// upgradeEnv is the root of another process that upgrades a jail and is killed.
const upgradeEnv = "IOC_POOL_UPGRADE"

// upgrade is an operation of one's own: it keeps the files of a jail as they are, changes them, and
// cannot go on.
func upgrade(h *ioc.Host, jail string, then func() error) events.Op[struct{}] {
	return events.New(&events.Named{Type: "motd.upgrade", Key: jail}, func(s events.Step) (none struct{}, err error) {
		if _, err := events.Call(s, h.JailGenerator(jail).Protect()); err != nil {
			return none, err
		}
		err = s.Do(&events.Named{Type: "motd.write", Key: jail}, func(events.Step) error {
			return os.WriteFile(motd(h, jail), []byte("half a sent"), 0o644)
		})
		if err != nil {
			return none, err
		}
		return none, then()
	})
}

func fails() error { return errors.New("some error occurred") }

// jailed is a host with a jail.
func jailed(t *testing.T) *ioc.Host {
	t.Helper()
	name, dir := scratch.FileSystem(t)
	if err := small.put(name + "/root"); err != nil {
		t.Fatal(err)
	}
	h, err := open(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// unchanged wants the files as they were, and nothing to be left of the attempt.
func unchanged(t *testing.T, h *ioc.Host, before string) {
	t.Helper()
	if got := read(t, motd(h, "web")); got != "welcome\n" {
		t.Errorf("etc/motd is %q, want it as it was", got)
	}
	if after := picture(t, h.Root()); after != before {
		t.Errorf("the pool has changed: before\n%s\nafter\n%s", before, after)
	}
	if pending, err := h.Pending(); err != nil || len(pending) > 0 {
		t.Errorf("pending: %v, %v", pending, err)
	}
}

func TestUpgradeFails(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	before := picture(t, h.Root())
	saw := ""
	run := upgrade(h, "web", func() error {
		saw = read(t, motd(h, "web"))
		return fails()
	}).With(h.Options()...).Start(t.Context())
	undone := false
	for ev := range run.Events() {
		undone = undone || ev.Kind == events.Undo && ev.Type() == "storage.guard" && ev.Done() && ev.Err == nil
	}
	if _, err := run.Wait(); err == nil || err.Error() != "some error occurred" {
		t.Errorf("the upgrade: %v", err)
	}
	if saw != "half a sent" || !undone {
		t.Errorf("before it failed etc/motd was %q; the rollback was an event: %v", saw, undone)
	}
	unchanged(t, h, before)
}

func TestUpgradeIsLeft(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	before := picture(t, h.Root())
	for ev := range upgrade(h, "web", fails).With(h.Options()...).Events(t.Context()) {
		if ev.Type() == "motd.write" && ev.Done() {
			break // whoever watched has gone
		}
	}
	unchanged(t, h, before)
}

func TestUpgradeSucceeds(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	if _, err := upgrade(h, "web", func() error { return nil }).With(h.Options()...).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, motd(h, "web")); got != "half a sent" {
		t.Errorf("etc/motd is %q", got)
	}
	if got := picture(t, h.Root()); strings.Contains(got, "jails/web/root@") {
		t.Errorf("a snapshot is left:\n%s", got)
	}
}

// TestUpgradeIsKilled kills the process in the middle; what it left the next one undoes.
func TestUpgradeIsKilled(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	before := picture(t, h.Root())
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), upgradeEnv+"="+h.Root())
	out, err := cmd.CombinedOutput()
	if ee, ok := errors.AsType[*exec.ExitError](err); !ok || ee.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %v: %s", err, out)
	}
	if got := read(t, motd(h, "web")); got != "half a sent" {
		t.Fatalf("before the recovery etc/motd is %q", got)
	}
	next, err := open(h.Root())
	if err != nil {
		t.Fatal(err)
	}
	// Any operation recovers first. This one is skipped: there is such a jail.
	if err := next.Jail("web").Create(t.Context(), ioc.CreateOptions{Release: base}); err != nil {
		t.Fatal(err)
	}
	unchanged(t, next, before)
}

func upgradeChild(root string) int {
	h, err := open(root)
	if err == nil {
		_, err = upgrade(h, "web", func() error {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}).With(h.Options()...).Do(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
