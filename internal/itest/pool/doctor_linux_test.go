package pool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/internal/backend/zfs"
)

// debris makes one of each of what dead operations leave whose record is lost, on a root with the jail web.
func debris(dir string) error {
	place, err := zfs.Find(dir)
	if err != nil {
		return err
	}
	id := func(n int) string { return strings.Repeat(string(rune('a'+n)), 26) }
	r := place.Root
	for _, args := range [][]string{
		{"create", r + "/jails/." + id(1)},
		{"create", r + "/jails/." + id(1) + "/root"},
		{"snapshot", r + "/jails/web/root@." + id(2)},
		{"create", "-o", "org.freebsd.ioc:id=" + id(3), r + "/jails/half"},
		{"create", "-p", "-o", "mountpoint=none", r + "/trash/jails.gone." + id(4)},
		{"create", r + "/jails/web/." + id(5)},
		{"create", r + "/releases/." + id(6)},
	} {
		if err := command(args...); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "jails", "half", ".making"), nil, 0o600)
}

// TestDoctor finds debris, tells it from what somebody needs, and clears it away.
func TestDoctor(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	ctx := t.Context()
	// A snapshot without a name that a clone needs is none.
	if err := h.Jail("web").Clone(ctx, "twin", ioc.CloneOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := command("create", "-p", "-o", "mountpoint=none", place(t, h).Root+"/trash"); err != nil {
		t.Fatal(err)
	}
	before := picture(t, h.Root())
	look := func() []string {
		var found []string
		for _, f := range h.Examine(ctx) {
			if f.Class != doctor.Advice {
				found = append(found, f.Kind+" "+filepath.Base(f.Subject)[:4])
			}
		}
		slices.Sort(found)
		return found
	}
	if found := look(); len(found) > 0 {
		t.Fatalf("found %q where there is nothing", found)
	}
	if err := debris(h.Root()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dataset.staged .bbb", "dataset.staged .ggg", "dataset.staged half", "rollback.aside .fff", "snapshot.hidden root", "trash.left jail",
	}
	if found := look(); !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
	m, err := h.Mend().Do(ctx)
	if err != nil || len(m.Failed) > 0 || len(m.Done) != len(want) {
		t.Errorf("mended %+v, %v", m, err)
	}
	if found := look(); len(found) > 0 {
		t.Errorf("found %q after the mending", found)
	}
	if after := picture(t, h.Root()); after != before {
		t.Errorf("the pool has changed: before\n%s\nafter\n%s", before, after)
	}
}

func place(t *testing.T, h *ioc.Host) zfs.Place {
	t.Helper()
	p, err := zfs.Find(h.Root())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// broken is the setup of a host with debris.
func broken(dir string) error {
	if err := setup(dir); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	return debris(filepath.Join(dir, "root"))
}
