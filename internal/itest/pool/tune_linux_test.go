package pool

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/zfs"
)

// TestTune gives jails properties of ZFS when they are made, later, and by way of a clone and of an earlier configuration.
func TestTune(t *testing.T) {
	t.Parallel()
	h := jailed(t)
	ctx := t.Context()
	place, err := zfs.Find(h.Root())
	if err != nil {
		t.Fatal(err)
	}
	want := func(jail, values string) {
		t.Helper()
		out, err := exec.CommandContext(ctx, "zfs", "get", "-Hp", "-s", "local", "-o", "property,value", "quota,reservation,compression", place.Root+"/jails/"+jail).Output()
		got := strings.Join(strings.Fields(string(out)), " ")
		if got = strings.ReplaceAll(got, "reservation 0 ", ""); err != nil || got != values { // it is none, and was not always
			t.Errorf("%s has %q, %v; want %q", jail, got, err, values)
		}
	}
	set := func(jail string, values map[string]string) error {
		_, err := h.JailGenerator(jail).Set(values).Do(ctx)
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(h.Jail("tuned").Create(ctx, ioc.CreateOptions{Release: base, Properties: map[string]string{"quota": "1G", "compression": "gzip"}}))
	want("tuned", "quota 1073741824 compression gzip")
	must(set("tuned", map[string]string{"quota": "2G", "reservation": "1M", "compression": "none"}))
	want("tuned", "quota 2147483648 reservation 1048576")
	must(h.Jail("tuned").Clone(ctx, "twin", ioc.CloneOptions{}))
	want("twin", "quota 2147483648 reservation 1048576")
	_, err = h.JailGenerator("tuned").Revert(0).Do(ctx)
	must(err)
	want("tuned", "quota 1073741824 compression gzip")

	before := picture(t, h.Root())
	for _, tc := range []struct {
		values map[string]string
		kind   fault.Kind
	}{
		{map[string]string{"quota": "1K", "notes": "x"}, fault.NoSpace},
		{map[string]string{"compression": "gzip", "dedup": "perhaps", "notes": "x"}, fault.Invalid},
		{map[string]string{"quota": "much", "compression": "on"}, fault.Invalid},
	} {
		if err := set("web", tc.values); !errors.Is(err, tc.kind) {
			t.Errorf("set %v: %v, want that it is %q", tc.values, err, tc.kind.Name())
		}
	}
	if _, err := h.SetDefaults(map[string]string{"quota": "1G"}).Do(ctx); !errors.Is(err, fault.Invalid) {
		t.Errorf("a quota of all jails: %v, want it refused", err)
	}
	if after := picture(t, h.Root()); after != before {
		t.Errorf("what was refused has changed the pool: before\n%s\nafter\n%s", before, after)
	}
}
