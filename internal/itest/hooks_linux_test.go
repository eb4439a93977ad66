package itest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc/jail"
)

// TestRecoveredHooks kills a start in different places: the next ioc runs the commands on the host that take back what the
// start's commands did, newest first, and leaves out those in the jail, which is killed.
func TestRecoveredHooks(t *testing.T) {
	n := network(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	var properties []string
	for _, name := range []string{"prestart", "created", "poststart", "prestop", "poststop"} {
		properties = append(properties, "exec_"+name+"=echo "+name+" >> "+log)
	}
	for _, name := range []string{"start", "stop"} {
		properties = append(properties, "exec_"+name+"=echo "+name+" >> /log/log")
	}
	n.create("web", append(properties, "ready=exec:true")...)
	if err := n.Jail("web").AddMount(t.Context(), jail.Mount{Source: dir, Target: "/log"}); err != nil {
		t.Fatal(err)
	}
	n.start("web") // which makes the directory that the mount is on
	n.stop("web")
	if text, err := os.ReadFile(log); err != nil || strings.Join(strings.Fields(string(text)), " ") != "prestart created start poststart prestop stop poststop" {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	world := look(t, n.root)
	for _, tc := range []struct{ die, want string }{
		{"journaled-jail.around", "poststop"}, // nobody knows how far it has come
		{"done-jail.around", "prestart poststop"},
		{"done-sandbox.spawn", "prestart poststop"},
		{"begin-jail.ready", "prestart created start poststart prestop poststop"},
		{"committed-jail.start", "prestart created start poststart"},
	} {
		t.Run(tc.die, func(t *testing.T) {
			if _, a, err := (task{Root: n.root, Jail: "web", Do: []string{"start"}, Die: tc.die}).run(t.Context(), t.TempDir()); err != nil || a.Error != "signal: killed" {
				t.Fatalf("%v, %v", a, err)
			}
			task{Root: n.root, Jail: "web", Do: []string{"recover"}}.must(t)
			text, err := os.ReadFile(log)
			if got := strings.Join(strings.Fields(string(text)), " "); err != nil || got != tc.want {
				t.Errorf("%q, %v; want %q", got, err, tc.want)
			}
			task{Root: n.root, Jail: "web", Do: []string{"stop"}}.must(t)
			same(t, n.root, world)
			if err := os.Remove(log); err != nil {
				t.Fatal(err)
			}
		})
	}
}
