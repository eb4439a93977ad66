package linuxns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

var _ doctor.Inspector = (*Driver)(nil)

// Inspect finds cgroups, files of starts and processes of this driver's jails. It does not know which of
// them a jail that runs stands on: their marks say who is to be asked.
func (d *Driver) Inspect(context.Context) ([]doctor.Finding, error) {
	id, ours := strings.CutPrefix(d.options.Group, "ioc-")
	if !ours || id == "" {
		return nil, nil
	}
	found, failed := d.starts(id)
	lost, err := d.lostProcesses(id, found)
	var all []doctor.Finding
	for _, name := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[name].finding(id))
	}
	all = append(all, lost...)
	return append(all, d.emptyParents()...), errors.Join(failed, err)
}

// trace is what there is of one start of a jail, or of one program in it.
type trace struct {
	name   string // of this start alone: the root's id, the jail's name, a token
	groups []string
	pids   []string // in groups
	run    string   // its file
	id     identity // that the file names
	alive  bool     // that process lives
}

// starts collects what bears the name of a start, in every hierarchy and in the driver's directory.
func (d *Driver) starts(id string) (map[string]*trace, error) {
	all := map[string]*trace{}
	at := func(name string) *trace {
		if all[name] == nil {
			all[name] = &trace{name: name}
		}
		return all[name]
	}
	failed := []error{}
	for _, parent := range d.parents() {
		entries, err := os.ReadDir(parent)
		failed = append(failed, ignoreMissing(err))
		for _, e := range entries {
			if e.IsDir() && isStart(id, e.Name()) {
				t, dir := at(e.Name()), filepath.Join(parent, e.Name())
				t.groups, t.pids = append(t.groups, dir), append(t.pids, members(dir)...)
			}
		}
	}
	entries, err := os.ReadDir(d.options.Run)
	failed = append(failed, ignoreMissing(err))
	for _, e := range entries {
		if !isStart(id, e.Name()) {
			continue
		}
		t := at(e.Name())
		t.run = filepath.Join(d.options.Run, e.Name())
		if t.id, err = readRunFile(t.run); !errors.Is(err, fault.Corrupt) { // else it is as good as none, for whoever ends the start too
			failed = append(failed, err)
		}
		if fd, _, err := find(t.id.pid, t.id.started, t.id.boot, d.host().boot); err == nil && fd != nil {
			t.alive = !fd.ended()
			fd.Close()
		}
	}
	return all, errors.Join(failed...)
}

// parents are the directories that the jails' cgroups are in, whether they are there or not.
func (d *Driver) parents() []string {
	g := d.host().groups()
	bases := map[string]bool{}
	for _, h := range g.legacy {
		bases[h.base] = true
	}
	if g.unified.base != "" {
		bases[g.unified.base] = true
	}
	var all []string
	for base := range bases {
		all = append(all, filepath.Join(base, d.options.Group))
	}
	slices.Sort(all)
	return all
}

// isStart says that a name is one that a root's driver gives: ID-JAIL.TOKEN.
func isStart(id, name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if !strings.HasPrefix(name, id+"-") || dot <= len(id)+1 {
		return false
	}
	_, err := strconv.ParseUint(name[dot+1:], 16, 32)
	return err == nil && len(name)-dot-1 == 8
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (t *trace) jail(id string) string {
	return t.name[len(id)+1 : strings.LastIndexByte(t.name, '.')]
}

func (t *trace) finding(id string) doctor.Finding {
	f := doctor.Finding{
		Kind: "start.left", Subject: t.name, Class: doctor.Debris,
		Proof: "its name begins with this root's id, " + id + ", and the journal names no such start",
		Marks: []string{t.name},
		Jail:  t.jail(id),
		Mend: events.Change{After: []events.Effect{&Reap{
			Name: t.name, Groups: t.groups, Run: t.run, PID: t.id.pid, Started: t.id.started, Boot: t.id.boot,
		}}},
	}
	var what []string
	if len(t.groups) > 0 {
		what = append(what, fmt.Sprintf("%d of its control groups (%s)", len(t.groups), strings.Join(t.groups, ", ")))
	}
	if n := len(t.pids); n > 0 {
		slices.Sort(t.pids)
		what = append(what, "processes "+strings.Join(slices.Compact(t.pids), ", "))
	} else if t.alive {
		what = append(what, fmt.Sprintf("process %d", t.id.pid))
	}
	if t.run != "" {
		what = append(what, "the file "+t.run)
	}
	f.Text = "there is of a start of " + f.Jail + " that nobody knows of: " + strings.Join(what, "; ")
	f.Remedy = "remove it"
	if len(t.pids) > 0 || t.alive {
		f.Remedy = "kill the processes and remove the rest"
	}
	return f
}

// lostProcesses are first processes of jails that have lost whatever else their start had. The kernel's
// number of their namespace is what a record has of them.
func (d *Driver) lostProcesses(id string, known map[string]*trace) ([]doctor.Finding, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, t := range known {
		for _, pid := range append(t.pids, itoa(t.id.pid)) {
			have[pid] = true
		}
	}
	var all []doctor.Finding
	for _, e := range entries {
		pid := atoi(e.Name())
		if pid <= 0 || have[e.Name()] {
			continue
		}
		line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		jail, ours := strings.CutPrefix(strings.TrimRight(string(line), "\x00"), processName(id+"-"))
		if err != nil || !ours || jail == "" || strings.ContainsRune(jail, 0) {
			continue
		}
		p, err := readProcess(pid)
		space := pidNamespace(pid)
		if err != nil || p.state == 'Z' || space == 0 || space == pidNamespace(os.Getpid()) {
			continue // gone meanwhile, or not the first process of a jail
		}
		number := strconv.FormatUint(space, 10)
		all = append(all, doctor.Finding{
			Kind: "process.left", Subject: e.Name(), Class: doctor.Debris,
			Text:   "a first process of " + jail + " that nobody knows of",
			Proof:  "its name begins with this root's id, " + id + ", and the journal does not name its namespace, pid:[" + number + "]",
			Remedy: "kill it, and with it all that runs in its namespace",
			Marks:  []string{number},
			Jail:   jail,
			Mend: events.Change{After: []events.Effect{&Reap{
				Name: id + "-" + jail, PID: pid, Started: p.started, Boot: d.host().boot,
			}}},
		})
	}
	return all, nil
}

// emptyParents are directories for the cgroups of jails in which there is none.
func (d *Driver) emptyParents() []doctor.Finding {
	var all []doctor.Finding
	for _, dir := range d.parents() {
		entries, err := os.ReadDir(dir)
		if err != nil || len(members(dir)) > 0 || slices.ContainsFunc(entries, fs.DirEntry.IsDir) {
			continue
		}
		all = append(all, doctor.Finding{
			Kind: "cgroup.empty", Subject: dir, Class: doctor.Debris,
			Text:   "a control group for jails in which there is none",
			Proof:  "it has this root's id in its name, and the last jail takes it away",
			Remedy: "remove it",
			Marks:  []string{d.options.Group},
			Mend:   events.Change{After: []events.Effect{&Reap{Name: filepath.Base(dir), Empty: dir}}},
		})
	}
	return all
}
