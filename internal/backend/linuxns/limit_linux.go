package linuxns

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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
}

// Setting is a file of the jail's cgroups, and what is in it.
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
	l := &Relimit{Jail: j.ID}
	for _, want := range []struct {
		name            string
		value           int64
		legacy, unified string // files
		none, nothing   string // no limit, in them
		scale           int64
		suffix          string // in the second
	}{
		{"memory", r.Memory, "memory.limit_in_bytes", "memory.max", "-1", "max", 1, ""},
		{"pids", r.PIDs, "pids.max", "pids.max", "max", "max", 1, ""},
		{"cpu", r.MilliCPU, "cpu.cfs_quota_us", "cpu.max", "-1", "max 100000", 100, " 100000"},
	} {
		held := false
		for _, dir := range j.Groups {
			file, value, suffix := want.legacy, want.none, ""
			if isUnified(dir) {
				file, value, suffix = want.unified, want.nothing, want.suffix
			}
			path := filepath.Join(dir, file)
			now, err := os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, cgroupError("read", path, err)
			}
			if held = true; want.value > 0 {
				value = strconv.FormatInt(want.value*want.scale, 10) + suffix
			}
			if before := strings.TrimSpace(string(now)); before != value {
				l.Set = append(l.Set, Setting{path, value, before})
			}
		}
		if want.value > 0 && !held {
			return nil, fault.Unsupported("a "+want.name+" limit for a jail that was started without one", "another start")
		}
	}
	return l, nil
}

// Do writes the new limits. The kernel refuses less memory than the jail has and cannot give back.
func (l *Relimit) Do(context.Context) error {
	for _, s := range l.Set {
		if err := writeFile(s.Path, s.Now); err != nil {
			return cgroupError("limit", s.Path, err)
		}
	}
	return nil
}

// Undo writes the limits from before. A jail that is gone has none.
func (l *Relimit) Undo(context.Context) error {
	var all []error
	for _, s := range l.Set {
		if err := writeFile(s.Path, s.Before); err != nil && !errors.Is(err, os.ErrNotExist) {
			all = append(all, cgroupError("limit", s.Path, err))
		}
	}
	return errors.Join(all...)
}
