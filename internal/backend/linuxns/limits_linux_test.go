package linuxns

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/sandbox"
)

// TestLimits reads back what the kernel took, from the directories that the first process is in.
func TestLimits(t *testing.T) {
	l := newLab(t)
	f := l.Features()
	if !f.Memory || !f.PIDs || !f.CPU {
		t.Skipf("this host keeps no limits: %v", f.Why)
	}
	l.spec.Resources = sandbox.Resources{Memory: 256 << 20, PIDs: 77, MilliCPU: 1500}
	j := l.begin(t)
	found := map[string]string{}
	for _, dir := range j.Groups {
		for _, name := range []string{
			"memory.limit_in_bytes", "memory.max", "pids.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.max",
		} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				found[name] = strings.TrimSpace(string(b))
			}
		}
		if m := members(dir); len(m) != 1 || m[0] != itoa(j.PID) {
			t.Errorf("%s has processes %v, want %d", dir, m, j.PID)
		}
	}
	legacy := map[string]string{
		"memory.limit_in_bytes": "268435456", "pids.max": "77", "cpu.cfs_quota_us": "150000", "cpu.cfs_period_us": "100000",
	}
	unified := map[string]string{"memory.max": "268435456", "pids.max": "77", "cpu.max": "150000 100000"}
	if cmp.Diff(legacy, found) != "" && cmp.Diff(unified, found) != "" {
		t.Errorf("limits = %v, want %v or %v", found, legacy, unified)
	}
	if out := l.probe(t, j, "fork", "100"); atoi(out) >= 77 {
		t.Errorf("%s processes of 77 started", out)
	}
}

// TestGroupsPlan: what is used of the hierarchies that a host has.
func TestGroupsPlan(t *testing.T) {
	base := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(base, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("cgroup.controllers", "cpu memory pids\n")
	write("cgroup.subtree_control", "memory\n")
	unified := hierarchy{base, []string{"cpu", "memory", "pids"}}
	want := sandbox.Resources{Memory: 1000, PIDs: 5, MilliCPU: 250}
	for _, c := range []struct {
		name   string
		groups groups
		want   sandbox.Resources
		plan   *Cgroup
		fails  bool
	}{
		{"nothing_there_nothing_wanted", groups{}, sandbox.Resources{}, nil, false},
		{"nothing_there", groups{missing: "none"}, want, nil, true},
		{"unified", groups{unified: unified}, want, &Cgroup{
			Parent: "ioc-x", Name: "a", Unified: base + "/ioc-x/a", Controllers: []string{"memory", "pids", "cpu"},
			Limits: map[string]Limits{base + "/ioc-x/a": {{"memory.max", "1000"}, {"pids.max", "5"}, {"cpu.max", "25000 100000"}}},
		}, false},
		{"unified_nothing_wanted", groups{unified: unified}, sandbox.Resources{}, &Cgroup{
			Parent: "ioc-x", Name: "a", Unified: base + "/ioc-x/a",
		}, false},
		{"hybrid", groups{unified: hierarchy{base: base}, legacy: map[string]hierarchy{"pids": {base: "/v1/pids"}}}, sandbox.Resources{PIDs: 5}, &Cgroup{
			Parent: "ioc-x", Name: "a", Unified: base + "/ioc-x/a", Legacy: []string{"/v1/pids/ioc-x/a"},
			Limits: map[string]Limits{"/v1/pids/ioc-x/a": {{"pids.max", "5"}}},
		}, false},
		{"legacy_together", groups{legacy: map[string]hierarchy{"cpu": {base: "/v1/all"}, "pids": {base: "/v1/all"}}}, sandbox.Resources{PIDs: 5, MilliCPU: 1000}, &Cgroup{
			Parent: "ioc-x", Name: "a", Legacy: []string{"/v1/all/ioc-x/a"},
			Limits: map[string]Limits{"/v1/all/ioc-x/a": {{"pids.max", "5"}, {"cpu.cfs_period_us", "100000"}, {"cpu.cfs_quota_us", "100000"}}},
		}, false},
		{"controller_elsewhere", groups{unified: hierarchy{base: base, controllers: []string{"pids"}}}, sandbox.Resources{Memory: 1}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.groups.plan("ioc-x", "a", c.want)
			if (err != nil) != c.fails {
				t.Errorf("plan: %v", err)
			}
			if diff := cmp.Diff(c.plan, got); diff != "" {
				t.Errorf("plan:\n%s", diff)
			}
		})
	}
}

// TestDelegated: where an ordinary user may make directories.
func TestDelegated(t *testing.T) {
	base := t.TempDir()
	own := "/user.slice/user@1000.service/app.slice/term.scope"
	for dir := own; dir != "/"; dir = filepath.Dir(dir) {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(base, dir, "cgroup.procs"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(base, "user.slice", "cgroup.procs")); err != nil {
		t.Fatal(err)
	}
	m := mountEntry{root: "/", point: base, kind: "cgroup2"}
	for _, c := range []struct {
		name       string
		mount      mountEntry
		own        string
		privileged bool
		want       string
	}{
		{"highest_that_can_be_written", m, own, false, base + "/user.slice/user@1000.service"},
		{"none", m, "/system.slice/x.service", false, ""},
		{"outside_of_the_mount", mountEntry{root: "/docker/a", point: base}, "/docker/b", false, ""},
		{"privileged", m, own, true, base},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := delegated(c.mount, c.own, c.privileged); got != c.want {
				t.Errorf("delegated = %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		"/sys/fs/cgroup": "/sys/fs/cgroup", `/a\040b`: "/a b", `/tab\011x\134y`: "/tab\tx\\y", `/end\04`: `/end\04`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}
