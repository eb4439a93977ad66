package pool

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/zfs"
)

// TestCommands counts the commands of whole operations: each is a process, and takes longer than all else that they do.
func TestCommands(t *testing.T) {
	h := jailed(t)
	var commands []string
	ctx := zfs.WithTrace(t.Context(), func(argv []string) { commands = append(commands, strings.Join(argv, " ")) })
	web := h.Jail("web")
	for _, tc := range []struct {
		what string
		want int
		do   func() error
	}{
		{"create", 3, func() error { return h.Jail("x").Create(ctx, ioc.CreateOptions{Release: base}) }}, // one question
		{"create what is there", 1, func() error { return h.Jail("x").Create(ctx, ioc.CreateOptions{Release: base}) }},
		{"destroy", 5, func() error { return h.Jail("x").Destroy(ctx, ioc.DestroyOptions{}) }}, // two questions, of which a kernel's ZFS is asked one, and the trash is made
		{"create it again", 3, func() error { return h.Jail("x").Create(ctx, ioc.CreateOptions{Release: base}) }},
		{"destroy it again", 4, func() error { return h.Jail("x").Destroy(ctx, ioc.DestroyOptions{}) }},
		{"snapshot", 2, func() error { _, err := web.Snapshot(ctx, "s"); return err }},         // one question
		{"rollback", 6, func() error { return web.Rollback(ctx, "s", ioc.RollbackOptions{}) }}, // two questions, at once
		{"destroy a snapshot", 4, func() error { return web.DestroySnapshot(ctx, "s") }},       // two questions
	} {
		commands = nil
		if err := tc.do(); err != nil {
			t.Fatalf("%s: %v", tc.what, err)
		}
		commands = slices.Compact(commands) // what was busy is asked again
		if len(commands) != tc.want {
			t.Errorf("%s takes %d commands, want %d:\n%s", tc.what, len(commands), tc.want, strings.Join(commands, "\n"))
		}
	}
}

// TestOutOfSight has a jail whose file systems are not mounted: it is there, and nothing takes it for missing.
func TestOutOfSight(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	ctx := t.Context()
	place, err := zfs.Find(h.Root())
	if err != nil {
		t.Fatal(err)
	}
	zfsCommand(t, "unmount", place.Root+"/jails/web/root")
	zfsCommand(t, "unmount", place.Root+"/jails/web")
	before := picture(t, h.Root())
	err = h.Jail("web").Create(ctx, ioc.CreateOptions{Release: base})
	if !errors.Is(err, fault.Exists) || !strings.Contains(err.Error(), "is broken") {
		t.Errorf("create of a jail that is not mounted: %v, want that it exists and is broken", err)
	}
	if err := h.Jail("no").Destroy(ctx, ioc.DestroyOptions{}); !errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "jail no") {
		t.Errorf("destroy of a jail that is not there: %v", err)
	}
	if after := picture(t, h.Root()); after != before {
		t.Errorf("what was refused has changed the pool: before\n%s\nafter\n%s", before, after)
	}
	if err := h.Jail("web").Destroy(ctx, ioc.DestroyOptions{}); err != nil {
		t.Error(err)
	}
}

// TestRollbackSparesWhatIsBelow has a file system of somebody else's below the files of a jail, which no rollback may take along.
func TestRollbackSparesWhatIsBelow(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	ctx := t.Context()
	place, err := zfs.Find(h.Root())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Jail("web").Snapshot(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	zfsCommand(t, "create", place.Root+"/jails/web/root/data")
	kept := filepath.Join(h.Root(), "jails/web/root/data/kept")
	if err := os.WriteFile(kept, []byte("of value"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = h.Jail("web").Rollback(ctx, "s", ioc.RollbackOptions{})
	if !errors.Is(err, fault.Busy) || !strings.Contains(strings.Join(fault.Remedies(err), ""), "zfs rename") {
		t.Errorf("rollback with a file system below: %v, %q; want it refused, and what to do", err, fault.Remedies(err))
	}
	if got := read(t, kept); got != "of value" {
		t.Errorf("what was there is %q", got)
	}
}

func zfsCommand(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "zfs", args...).CombinedOutput(); err != nil {
		t.Fatalf("zfs %v: %v: %s", args, err, out)
	}
}
