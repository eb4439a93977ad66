package pool

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// TestPromote destroys a jail that has a clone: not before the clone owns what they share.
func TestPromote(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	ctx := t.Context()
	web, twin := h.Jail("web"), h.Jail("twin")
	if err := web.Clone(ctx, "twin", ioc.CloneOptions{}); err != nil {
		t.Fatal(err)
	}
	err := web.Destroy(ctx, ioc.DestroyOptions{})
	used, ok := errors.AsType[*storage.UsersError](err)
	if !ok || !slices.Equal(used.By, []storage.Dataset{storage.Jail("twin")}) || !strings.HasPrefix(strings.Join(fault.Remedies(err), ""), "promote twin") {
		t.Fatalf("destroy of a jail that has a clone: %v, %q", err, fault.Remedies(err))
	}
	if _, err := h.DestroyRelease(base).Do(ctx); !errors.Is(err, fault.Busy) {
		t.Errorf("destroy of a release in use: %v", err)
	}
	if err := twin.Promote(ctx); err != nil {
		t.Fatal(err)
	}
	if err := web.Destroy(ctx, ioc.DestroyOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, motd(h, "twin")); got != "welcome\n" {
		t.Errorf("etc/motd of the clone is %q", got)
	}
	if err := twin.Promote(ctx); !errors.Is(err, fault.Invalid) {
		t.Errorf("promotion over the release: %v, want it refused", err)
	}
	if err := twin.Destroy(ctx, ioc.DestroyOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := h.DestroyRelease(base).Do(ctx); err != nil {
		t.Error(err)
	}
	if got := picture(t, h.Root()); strings.Contains(got, "@") {
		t.Errorf("snapshots are left:\n%s", got)
	}
}

// TestDestroyWithClones destroys a jail, its clone and the clone's clone in one operation, or none of them.
func TestDestroyWithClones(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	ctx := t.Context()
	if err := errors.Join(h.Jail("web").Clone(ctx, "twin", ioc.CloneOptions{}), h.Jail("twin").Clone(ctx, "third", ioc.CloneOptions{})); err != nil {
		t.Fatal(err)
	}
	if _, err := h.JailsGenerator("web").Destroy(ioc.DestroyOptions{Clones: true}).Do(ctx); err != nil {
		t.Fatal(err)
	}
	if all, err := h.Jails(ctx); err != nil || len(all) > 0 {
		t.Errorf("jails left: %v, %v", all, err)
	}
	if got := picture(t, h.Root()); strings.Contains(got, "trash/") || strings.Contains(got, "jails/") {
		t.Errorf("left:\n%s", got)
	}
}
