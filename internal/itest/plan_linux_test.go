package itest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// random is what is another one each time in what things of the kernel are called.
var random = regexp.MustCompile(`\.[0-9a-f]{8}|(i[0-9a-f]{8})[a-z2-7]{6}`)

// paths are the steps of a stream, which do not differ when the same is done.
func paths(evs []events.Event) []string {
	return eventstest.Paths(evs, true, func(line string) string { return random.ReplaceAllString(line, "$1#") })
}

// TestPlan compares what a dry run tells with what is done then to mounts, limits, interfaces, rules and processes.
func TestPlan(t *testing.T) {
	n := network(t)
	srv := filepath.Join(t.TempDir(), "srv")
	if err := os.Mkdir(srv, 0o755); err != nil {
		t.Fatal(err)
	}
	text := `
jails:
  golden: {template: yes, notes: here}
  db:
    clone: golden
    exec_start: 'echo up; touch /ready'
    exec_prestop: echo down
    memoryuse: 64M
    ready: file:/ready
    fstab:
      - ` + srv + ` /mnt nullfs ro 0 0
  web:
    depends: [db]
    vnet: yes
    interfaces: ["eth0:iocplan0", "eth1::iocplan1"]
    ip4_addr: ["eth0|auto", "eth1|10.9.0.2/24"]
    ip6_addr: ["eth0|auto"]
    nat: yes
    nat_forwards: ["tcp(80:8099)"]
    exec_prestart: echo "$IOC_NAME comes"
    exec_poststop: echo "$IOC_NAME goes"
    devices: [/dev/kmsg]
    health: tcp:80
`
	changed := strings.NewReplacer("memoryuse: 64M", "memoryuse: 96M", "8099", "8098", "iocplan1", "iocplan2").Replace(text)
	for _, tc := range []struct{ name, text string }{
		{"create", text},
		{"change", changed},
		{"same", changed},
		{"fstab", strings.Replace(changed, "/mnt nullfs ro", "/opt nullfs rw", 1)},
		{"prune", "jails: {golden: {template: yes, notes: there}, other: {vnet: no}}"},
		{"end", "jails: {}"},
	} {
		f, err := apply.Parse("jails.yaml", []byte(tc.text))
		if err != nil {
			t.Fatal(err)
		}
		before := look(t, n.root)
		dry, _, err := eventstest.Record(t, n.Apply(f, ioc.ApplyOptions{DryRun: true, Prune: true}))
		if err != nil {
			t.Fatalf("%s: dry run: %v", tc.name, err)
		}
		if diff := cmp.Diff(before, look(t, n.root)); diff != "" {
			t.Errorf("%s: the dry run changed something:\n%s", tc.name, diff)
		}
		done, _, err := eventstest.Record(t, n.Apply(f, ioc.ApplyOptions{Prune: true}))
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if diff := cmp.Diff(paths(done), paths(dry)); diff != "" {
			t.Errorf("%s: done, and told before:\n%s", tc.name, diff)
		}
		if tc.name == "change" && strings.Contains(eventstest.Outline(done), "restart db") {
			t.Error("a limit that can be changed at once restarted the jail")
		}
		if (tc.name == "same") != (len(dry) == 2) {
			t.Errorf("%s: %d events", tc.name, len(dry))
		}
	}
}
