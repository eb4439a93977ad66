package linuxns

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Relimit is the effect that changes the limits of a running jail.
type Relimit struct {
	Jail string // its id
	Set  []Setting

	Of        sandbox.State // of what follows
	IPC       []Setting     `json:",omitempty"` // of its IPC namespace, by the names below kernel.
	Terminals Setting       // empty: it stays
}

// Setting is a file of the jail's cgroups, or a limit of another kind, and what is in it.
type Setting struct{ Path, Now, Before string }

var (
	_ events.Effect   = (*Relimit)(nil)
	_ sandbox.Limiter = (*Driver)(nil)
)

// EventType is cgroup.limit.
func (*Relimit) EventType() string { return "cgroup.limit" }

// EventKey is the jail's id.
func (l *Relimit) EventKey() string { return l.Jail }

// EventTitle is for people.
func (l *Relimit) EventTitle() string { return "change limits of " + l.Jail }

// Volatile is true: a reboot empties every hierarchy.
func (*Relimit) Volatile() bool { return true }

// Limit plans other limits for a running jail, in the cgroups that it is in: which those are is decided when it is started.
func (d *Driver) Limit(j sandbox.State, r sandbox.Resources) (events.Effect, error) {
	l := &Relimit{Jail: j.ID, Of: j}
	g := d.host().groups()
	if err := errors.Join(g.check(r), checkIPC(r)); err != nil {
		return nil, err
	}
	for _, k := range g.knobs(r) {
		held := false
		for _, dir := range j.Groups {
			limits := k.legacy
			switch version2 := isUnified(dir); {
			case version2 && k.set:
				limits = k.unified
			case version2:
				limits = k.nothing
			case !k.set:
				limits = k.none
			}
			there, err := l.plan(dir, limits)
			if err != nil {
				return nil, err
			}
			held = held || there
		}
		if k.set && !held {
			return nil, fault.Unsupported("a "+k.name+" limit for a jail that was started without one", "another start")
		}
	}
	l.inOrder()
	return l, d.limitIPC(l, r)
}

// limitIPC plans the limits that are not of cgroups. An ordinary user can set them only when the jail is started.
func (d *Driver) limitIPC(l *Relimit, r sandbox.Resources) error {
	init, err := d.held("limit", l.Of)
	if err != nil {
		return err
	}
	defer init.Close()
	if d.host().privileged {
		return l.planIPC(init, r)
	}
	if len(tuning(r)) > 0 || r.Terminals > 0 {
		return fault.Unsupported("another limit of IPC or terminals for a jail that runs", "root")
	}
	return nil
}

// plan plans what changes in the files of a directory; false: it has not all of them.
func (l *Relimit) plan(dir string, limits []Limit) (there bool, err error) {
	for _, want := range limits {
		path := filepath.Join(dir, want.File)
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, cgroupError("read", path, err)
		}
		if before := present(string(text), want); before != strings.TrimSpace(want.Value) {
			if before == "" {
				before = "\n" // the kernel wants something to be written
			}
			l.Set = append(l.Set, Setting{path, want.Value, before})
		}
	}
	return len(limits) > 0, nil
}

// present is what a file says now, in the form in which it is written: all of it, or what it says of a disk.
func present(text string, want Limit) string {
	text = strings.TrimSpace(text)
	disk, _, ofDisk := strings.Cut(want.Value, " ")
	if ofDisk && strings.Contains(disk, ":") {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, disk+" ") {
				return line
			}
		}
		if want.File == "io.max" {
			return disk + " rbps=max wbps=max riops=max wiops=max"
		}
		return disk + " 0"
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 1<<62 { // how the first version says that there is none
		return "-1"
	}
	return text
}

// inOrder lets the first version's limit of memory and swap space, which must not be lower than that of memory, be lifted
// while the other one changes.
func (l *Relimit) inOrder() {
	const both = "memory.memsw.limit_in_bytes"
	at := slices.IndexFunc(l.Set, func(s Setting) bool { return filepath.Base(s.Path) == both })
	if at < 0 || l.Set[at].Before == "-1" {
		return
	}
	last := l.Set[at]
	l.Set = slices.Insert(l.Set, 0, Setting{last.Path, "-1", last.Before})
	l.Set[at+1].Before = "-1"
}

// Do writes the new limits. The kernel refuses less memory than the jail has and cannot give back.
func (l *Relimit) Do(context.Context) error {
	for _, s := range l.Set {
		if err := writeFile(s.Path, s.Now); err != nil {
			return cgroupError("limit", s.Path, err)
		}
	}
	return l.change(func(s Setting) string { return s.Now })
}

// Undo writes the limits from before. A jail that is gone has none.
func (l *Relimit) Undo(context.Context) error {
	all := []error{l.change(func(s Setting) string { return s.Before })}
	for _, s := range slices.Backward(l.Set) {
		if err := writeFile(s.Path, s.Before); err != nil && !errors.Is(err, os.ErrNotExist) {
			all = append(all, cgroupError("limit", s.Path, err))
		}
	}
	return errors.Join(all...)
}

// change writes those that are not of cgroups, if the jail is there.
func (l *Relimit) change(value func(Setting) string) error {
	if len(l.IPC) == 0 && l.Terminals == (Setting{}) {
		return nil
	}
	init, status, err := find(l.Of.PID, l.Of.Started, l.Of.Boot, bootID())
	if init != nil {
		defer init.Close()
	}
	if err != nil || status != sandbox.Running {
		return err
	}
	err = l.writeIPC(init, value)
	if l.Terminals != (Setting{}) {
		err = errors.Join(err, limitTerminals(l.Of.PID, value(l.Terminals)))
	}
	if init.ended() { // whatever it was, it is gone with the jail
		return nil
	}
	return err
}
