package zfs_test

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/zfs"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
	"github.com/libioc/ioc/storage"
)

// TestCommands counts the commands of what is asked often: one, however many there are, and a known few for changes.
func TestCommands(t *testing.T) {
	w := newWorld(t).(*world)
	d := w.Driver(t)
	f, err := d.Fill(t.Context(), storage.Release("base"))
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	ctx := zfs.WithTrace(t.Context(), func(argv []string) { commands = append(commands, strings.Join(argv, " ")) })
	count := func(what string, want int, do func() error) {
		t.Helper()
		commands = nil
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		commands = slices.Compact(commands) // what was busy is asked again
		for i := 1; i+1 < len(commands); i++ {
			if commands[i-1] == commands[i+1] && strings.Contains(commands[i], " list ") { // and so are its clones looked for
				commands = slices.Delete(commands, i, i+2)
			}
		}
		if len(commands) != want {
			t.Errorf("%s takes %d commands, want %d:\n%s", what, len(commands), want, strings.Join(commands, "\n"))
		}
	}
	apply := func(c storage.Change, err error) error {
		for _, e := range append(append([]events.Effect{}, c.Do...), c.After...) {
			err = errors.Join(err, e.Do(ctx))
		}
		return err
	}
	if err := errors.Join(apply(f.Stage(), nil), apply(f.Publish(), nil)); err != nil {
		t.Fatal(err)
	}
	base := storage.Release("base").Now()
	for i := range 12 {
		c := storage.Jail(storage.Name(fmt.Sprint("j", i)))
		want := 3 // a look, and the two file systems that libioc's layout has
		count("a clone", want, func() error { return apply(d.Clone(ctx, base, c, storage.CloneOptions{})) })
		if i == 0 || i == 11 {
			count(fmt.Sprintf("a list of %d", i+1), 1, func() error {
				all, err := d.List(ctx, storage.Jails)
				if len(all) != i+1 {
					t.Errorf("%d jails in the list, want %d", len(all), i+1)
				}
				return err
			})
			count(fmt.Sprintf("a survey of %d", i+1), 1, func() error {
				all, err := d.(storage.Surveyor).Survey(ctx, storage.Jails)
				if len(all) != i+1 {
					t.Errorf("%d jails were surveyed, want %d", len(all), i+1)
				}
				return err
			})
		}
	}
	j := storage.Jail("j0")
	count("a look at one", 1, func() error { _, err := d.Stat(ctx, j); return err })
	count("its usage", 1, func() error { _, err := d.Usage(ctx, j); return err })
	count("a snapshot", 2, func() error { return apply(d.Snapshot(ctx, j, "s", storage.SnapshotOptions{})) })
	count("a list of snapshots", 1, func() error { _, err := d.Snapshots(ctx, j); return err })
	count("a rollback", 6, func() error { return apply(d.Rollback(ctx, j, "s", storage.RollbackOptions{})) })
	count("what is in sight", 0, func() error { _, err := d.(storage.Glancer).Glance(ctx, storage.Jails); return err })
	count("a destruction", 4, func() error { return apply(d.Destroy(ctx, j, storage.DestroyOptions{})) })
}

// TestMessages holds what zfs says against the kinds that are read off it.
func TestMessages(t *testing.T) {
	name, dir := scratch.FileSystem(t)
	for _, args := range [][]string{
		{"create", name + "/a"},
		{"create", name + "/a/b"},
		{"snapshot", name + "/a@s"},
		{"clone", name + "/a@s", name + "/c"},
	} {
		if out, err := exec.CommandContext(t.Context(), "zfs", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	for _, tc := range []struct {
		args string
		want fault.Kind
	}{
		{"create NAME/a", fault.Exists},
		{"snapshot NAME/a@s", fault.Exists},
		{"rename NAME/a NAME/c", fault.Exists},
		{"create NAME/no/x", fault.NotFound},
		{"destroy NAME/no", fault.NotFound},
		{"destroy NAME/a@no", fault.NotFound},
		{"clone NAME/a@no NAME/x", fault.NotFound},
		{"destroy NAME/a", fault.Busy},
		{"destroy NAME/a@s", fault.Busy},
		{"destroy -r NAME/a", fault.Busy},
		{"set quota=1K NAME/a", fault.NoSpace},
		{"set foo=bar NAME/a", fault.Invalid},
		{"inherit quota NAME/a", fault.Invalid},
		{"create NAME/a%b", fault.Invalid},
	} {
		err := zfs.Change(t.Context(), strings.Fields(strings.ReplaceAll(tc.args, "NAME", name))...)
		if fault.KindOf(err) != tc.want {
			t.Errorf("zfs %s: %v is %q, want %q", tc.args, err, fault.KindOf(err).Name(), tc.want.Name())
		}
	}
	if place, err := zfs.Find(dir); err != nil || place.Root != name {
		t.Errorf("find %s: %+v, %v", dir, place, err)
	}
	if _, err := zfs.Find("tank/no"); !errors.Is(err, fault.NotFound) {
		t.Errorf("find of nothing: %v", err)
	}
}
