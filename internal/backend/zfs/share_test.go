package zfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// attached is a zfs command that keeps in a file what jails have, and says what FreeBSD's says: of a file system that a jail does not have
// the kernel's ENOENT, of one that it has EEXIST. It is all of the host that the effect changes.
const attached = `#!/bin/sh
state=$(dirname "$0")/state
case $1 in
get) shift; for name; do case $name in
	tank/*) printf '%s\tguid\t%s\t-\n' "$name" "$(echo "$name" | cksum | cut -d ' ' -f 1)" ;;
	esac; done ;;
jail) grep -qx "$2 $3" "$state" && { echo "cannot jail '$3': dataset already exists" >&2; exit 1; }; echo "$2 $3" >>"$state" ;;
unjail) [ "$2" = gone ] && { echo 'invalid jail id or name' >&2; exit 1; }
	grep -qx "$2 $3" "$state" || { echo "cannot unjail '$3': dataset does not exist" >&2; exit 1; }
	grep -vx "$2 $3" "$state" >"$state.new"; mv "$state.new" "$state" ;;
*) exit 2 ;;
esac
`

// TestShareEffect does and undoes the effect in all ways that a contract of effects names.
func TestShareEffect(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "zfs"), []byte(attached), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	state := func() string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, "state"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := "ioc-other tank/other\n"
	if err := os.WriteFile(filepath.Join(dir, "state"), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	guids := map[string]string{}
	for _, name := range []string{"tank/a", "tank/b"} {
		rs, err := get(t.Context(), 0, name)
		if err != nil {
			t.Fatal(err)
		}
		guids[name] = rs.find(name).get("guid")
	}
	e := &Share{Dataset: storage.Jail("web"), Guest: "ioc-web", GUIDs: guids}
	var _ events.Volatile = e
	undo := func(what string) {
		t.Helper()
		for range 2 {
			if err := e.Undo(t.Context()); err != nil {
				t.Errorf("undo %s: %v", what, err)
			}
		}
		if got := state(); got != before {
			t.Errorf("after the undo %s jails have %q, want %q", what, got, before)
		}
	}
	undo("of what was not done")
	for range 2 {
		if err := e.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := state(), before+"ioc-web tank/a\nioc-web tank/b\n"; got != want {
		t.Errorf("jails have %q, want %q", got, want)
	}
	undo("of all")
	half := &Share{Dataset: e.Dataset, Guest: e.Guest, GUIDs: map[string]string{"tank/a": guids["tank/a"]}}
	if err := half.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	undo("of the half")
	e.Guest = "gone"
	undo("of a jail that is gone")
	e.Guest, e.GUIDs["tank/b"] = "ioc-web", "another"
	if err := e.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "it has changed") {
		t.Errorf("share of another file system of the same name: %v", err)
	}
	undo("of what was refused")
}
