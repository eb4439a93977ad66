package pool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
)

// secondPool is the name of a pool beside the one that all use, for the test that works in dir.
func secondPool(dir string) string {
	return "p" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(dir))
}

func makePool(name, dir string) error {
	image := filepath.Join(dir, name+".img")
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(128<<20), f.Close()); err != nil {
		return err
	}
	if out, err := exec.Command("zpool", "create", "-m", "none", name, image).CombinedOutput(); err != nil {
		return fmt.Errorf("zpool create: %w: %s", err, out)
	}
	return nil
}

// properties are those that file systems of a pool have of their own.
func properties(pool string) (string, error) {
	out, err := exec.Command("zfs", "get", "-Hp", "-r", "-s", "local", "-o", "name,property,value", "all", pool).Output()
	names, listErr := exec.Command("zfs", "list", "-H", "-r", "-t", "all", "-o", "name", pool).Output()
	return id.ReplaceAllString(string(out)+string(names), "ID"), errors.Join(err, listErr)
}

// TestActivate marks two pools: both, or none.
func TestActivate(t *testing.T) {
	_, dir := scratch.FileSystem(t)
	h, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	one, two := secondPool(dir)+"-1", secondPool(dir)+"-2"
	state := func() string {
		t.Helper()
		var all string
		for _, p := range []string{one, two} {
			text, err := properties(p)
			if err != nil {
				t.Fatal(err)
			}
			all += text
		}
		return all
	}
	for _, p := range []string{one, two} {
		if err := makePool(p, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := scratch.DestroyPool(p); err != nil {
				t.Error(err)
			}
		})
	}
	before := state()
	if _, err := h.Activate(one, "no-such-pool").Do(ctx); !errors.Is(err, fault.NotFound) || len(fault.Remedies(err)) == 0 {
		t.Errorf("activate what is not there: %v, want it not found, and what to do", err)
	}
	for ev := range h.Activate(one, two).Events(ctx) {
		if ev.Type() == "storage.activate" && ev.Done() {
			if got := state(); got == before {
				t.Error("nothing was done when an effect had ended")
			}
			break // whoever watched has gone
		}
	}
	if after := state(); after != before {
		t.Errorf("the pools have changed: before\n%s\nafter\n%s", before, after)
	}
	active := func() (names string) {
		all, err := ioc.Pools(ctx)
		if err != nil {
			t.Error(err)
		}
		for _, p := range all {
			if p.Active {
				names += p.Name + " " + p.Root + " "
			}
		}
		return names
	}
	for range 2 { // the second time it is so already
		if _, err := h.Activate(two, one).Do(ctx); err != nil {
			t.Fatal(err)
		}
		if want := one + " " + one + "/ioc " + two + " " + two + "/ioc "; active() != want {
			t.Errorf("active are %q, want %q", active(), want)
		}
	}
	if _, err := h.Deactivate(one).Do(ctx); err != nil {
		t.Fatal(err)
	}
	if want := two + " " + two + "/ioc "; active() != want {
		t.Errorf("active are %q, want %q", active(), want)
	}
}
