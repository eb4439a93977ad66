package linuxns

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// knob is a limit in the kernel's files, in those of the first version and in those of cgroup2
// (Documentation/admin-guide/cgroup-v1/, cgroup-v2.rst).
type knob struct {
	name            string // for people
	controller      string
	set             bool    // it is wanted
	legacy, unified []Limit // what holds then
	none, nothing   []Limit // what holds otherwise, in the one and in the other
}

// knobs are the limits in the order in which they are written.
func (g *groups) knobs(r sandbox.Resources) []knob {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	one := func(file, value string) []Limit { return []Limit{{file, value}} }
	all := []knob{
		{
			"memory", "memory", r.Memory > 0,
			one("memory.limit_in_bytes", number(r.Memory)), one("memory.max", number(r.Memory)),
			one("memory.limit_in_bytes", "-1"), one("memory.max", "max"),
		},
		{ // the first version counts both together
			"swap", "memory", r.Swap > 0,
			one("memory.memsw.limit_in_bytes", number(r.Memory+r.Swap)), one("memory.swap.max", number(r.Swap)),
			one("memory.memsw.limit_in_bytes", "-1"), one("memory.swap.max", "max"),
		},
		{
			"pids", "pids", r.PIDs > 0,
			one("pids.max", number(r.PIDs)), one("pids.max", number(r.PIDs)),
			one("pids.max", "max"), one("pids.max", "max"),
		},
		{ // of a period of 100 ms
			"cpu", "cpu", r.MilliCPU > 0,
			[]Limit{{"cpu.cfs_period_us", "100000"}, {"cpu.cfs_quota_us", number(r.MilliCPU * 100)}},
			one("cpu.max", number(r.MilliCPU*100)+" 100000"),
			one("cpu.cfs_quota_us", "-1"), one("cpu.max", "max 100000"),
		},
	}
	cpuset := knob{
		"cpuset", "cpuset", r.CPUs != "",
		[]Limit{{"cpuset.mems", g.firstOf("cpuset", "cpuset.mems")}, {"cpuset.cpus", r.CPUs}},
		one("cpuset.cpus", r.CPUs),
		one("cpuset.cpus", g.firstOf("cpuset", "cpuset.cpus")), one("cpuset.cpus", "\n"),
	}
	io := knob{name: "io", controller: "io", set: r.ReadBPS|r.WriteBPS|r.ReadIOPS|r.WriteIOPS > 0}
	for _, disk := range g.disks {
		text := disk
		for _, l := range []struct {
			legacy, unified string
			value           int64
		}{
			{"read_bps", "rbps", r.ReadBPS},
			{"write_bps", "wbps", r.WriteBPS},
			{"read_iops", "riops", r.ReadIOPS},
			{"write_iops", "wiops", r.WriteIOPS},
		} {
			file := "blkio.throttle." + l.legacy + "_device"
			io.none = append(io.none, Limit{file, disk + " 0"})
			value := "max"
			if l.value > 0 {
				value = number(l.value)
				io.legacy = append(io.legacy, Limit{file, disk + " " + value})
			} else if io.set {
				io.legacy = append(io.legacy, Limit{file, disk + " 0"})
			}
			text += " " + l.unified + "=" + value
		}
		io.unified = append(io.unified, Limit{"io.max", text})
		io.nothing = append(io.nothing, Limit{"io.max", disk + " rbps=max wbps=max riops=max wiops=max"})
	}
	return append(all, cpuset, io)
}

// firstOf is what a file at the top of a controller's hierarchy of the first version has.
func (g *groups) firstOf(controller, file string) string {
	base := g.legacy[controller].base
	b, err := os.ReadFile(filepath.Join(base, file))
	if base == "" || err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// legacyControllers are those of the first version that are used, by what they are called in cgroup2.
func legacyControllers() map[string]string {
	return map[string]string{"memory": "memory", "pids": "pids", "cpu": "cpu", "cpuset": "cpuset", "blkio": "io"}
}

// findDisks lists the numbers of whole disks, sorted. What is kept in memory or in a file of another disk is none.
func findDisks() []string {
	names, err := filepath.Glob("/sys/block/*/dev")
	if err != nil {
		return nil
	}
	var all []string
	for _, name := range names {
		disk := filepath.Base(filepath.Dir(name))
		if slices.ContainsFunc([]string{"loop", "ram", "zram"}, func(kind string) bool { return strings.HasPrefix(disk, kind) }) {
			continue
		}
		if b, err := os.ReadFile(name); err == nil {
			all = append(all, strings.TrimSpace(string(b)))
		}
	}
	slices.Sort(all)
	return all
}

// can says why a knob cannot be turned here; empty: it can.
func (g *groups) can(name string) (version int, why string) {
	controller := map[string]string{"swap": "memory"}[name]
	if controller == "" {
		controller = name
	}
	version, why = g.controller(controller)
	switch {
	case why != "":
	case name == "io" && len(g.disks) == 0:
		why = "there is no disk whose use could be limited"
	case name == "swap" && version == 1 && !exists(filepath.Join(g.legacy["memory"].base, "memory.memsw.limit_in_bytes")):
		why = "the kernel does not count swap space: it was booted without swapaccount=1"
	}
	if why != "" {
		version = 0
	}
	return version, why
}

// check refuses limits that do not go together.
func (g *groups) check(r sandbox.Resources) error {
	if version, _ := g.can("swap"); r.Swap > 0 && r.Memory == 0 && version == 1 {
		return fault.New("", fault.Invalid, "swap limit", fmt.Errorf("this host counts swap space together with memory")).
			WithRemedy("limit memory, too: memoryuse")
	}
	return nil
}
