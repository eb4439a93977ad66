package linuxns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Cgroup is the effect that makes a jail's cgroup directories. Their name is of this start alone, so
// that whatever is found under it is its own.
type Cgroup struct {
	Parent      string            // "ioc-1f3a", shared by the jails of a root
	Name        string            // the jail's, unique
	Unified     string            `json:",omitempty"` // directory in cgroup2
	Legacy      []string          `json:",omitempty"` // directories in hierarchies of the first version
	Controllers []string          `json:",omitempty"` // that Unified's parents must pass on
	Limits      map[string]Limits `json:",omitempty"` // by directory
}

// Limit is a file of a cgroup and what is written into it.
type Limit struct{ File, Value string }

// Limits are written in their order.
type Limits []Limit

var _ events.Effect = (*Cgroup)(nil)

// EventType is cgroup.create.
func (c *Cgroup) EventType() string { return "cgroup.create" }

// EventTitle is for people.
func (c *Cgroup) EventTitle() string { return "make cgroup " + c.Name }

// EventKey is the directory's name.
func (c *Cgroup) EventKey() string { return c.Name }

// Volatile is true: a reboot empties every hierarchy.
func (c *Cgroup) Volatile() bool { return true }

func (c *Cgroup) limit(dir string, l []Limit) {
	if c.Limits == nil {
		c.Limits = map[string]Limits{}
	}
	c.Limits[dir] = append(c.Limits[dir], l...)
}

// dirs lists the directories, cgroup2's first.
func (c *Cgroup) dirs() []string {
	all := make([]string, 0, 1+len(c.Legacy))
	if c.Unified != "" {
		all = append(all, c.Unified)
	}
	return append(all, c.Legacy...)
}

// Do makes the directories and sets the limits.
func (c *Cgroup) Do(ctx context.Context) error {
	for _, dir := range c.dirs() {
		if err := c.make(dir); err != nil {
			return cgroupError("make", dir, err)
		}
		for _, l := range c.Limits[dir] {
			if err := writeFile(filepath.Join(dir, l.File), l.Value); err != nil {
				return cgroupError("limit", dir+"/"+l.File, err)
			}
		}
	}
	return ctx.Err()
}

// make makes a directory and, if it is missing, the one above. The latter may be removed at any time by
// an undo of the last jail in it; so both are tried a few times.
func (c *Cgroup) make(dir string) (err error) {
	parent := filepath.Dir(dir)
	for range 100 {
		if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		if dir == c.Unified && len(c.Controllers) > 0 {
			err = c.enable(parent)
		} else {
			err = inherit(parent)
		}
		if err == nil {
			err = os.Mkdir(dir, 0o755)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return err
}

// inherit gives a directory of the first version the processors and memory nodes of the one above, without which
// nothing can be in it. Other directories have no such files.
func inherit(dir string) error {
	for _, name := range []string{"cpuset.mems", "cpuset.cpus"} {
		file := filepath.Join(dir, name)
		b, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(b)) != "" || isUnified(dir) {
			continue
		}
		above, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
		if err != nil {
			return err
		}
		if err := writeFile(file, strings.TrimSpace(string(above))); err != nil {
			return err
		}
	}
	return nil
}

// enable lets the controllers through to the jail's directory. That those of the base stay enabled
// afterwards is no limit on anybody.
func (c *Cgroup) enable(parent string) error {
	for _, dir := range []string{filepath.Dir(parent), parent} {
		file := filepath.Join(dir, "cgroup.subtree_control")
		have := words(file)
		for _, name := range c.Controllers {
			if slices.Contains(have, name) {
				continue
			}
			if err := writeFile(file, "+"+name); err != nil {
				switch {
				case errors.Is(err, unix.EBUSY):
					return fault.Unsupported(name+" limit", "a cgroup2 directory without processes: "+dir+" has some")
				case errors.Is(err, unix.ENOENT) && exists(dir) && !slices.Contains(words(filepath.Join(dir, "cgroup.controllers")), name):
					return fault.Unsupported(name+" limit", "the "+name+" controller in "+dir)
				}
				return err
			}
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Undo kills what is left in the directories and removes them, and the shared one if it is empty.
func (c *Cgroup) Undo(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var all []error
	for _, dir := range c.dirs() {
		if err := removeGroup(ctx, dir); err != nil {
			all = append(all, cgroupError("remove", dir, err))
			continue
		}
		_ = os.Remove(filepath.Dir(dir)) // fails while another jail is in it
	}
	return errors.Join(all...)
}

// removeGroup empties a directory and removes it. A killed process leaves its cgroup a moment after it
// is gone for everybody else, so that the kernel may say "busy" a few times.
func removeGroup(ctx context.Context, dir string) error {
	err := os.Remove(dir)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if err := killGroup(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		err := os.Remove(dir)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		if wait(ctx, pause) != nil {
			return fault.New("", fault.Timeout, "", fmt.Errorf("processes %s are still in it", strings.Join(members(dir), " ")))
		}
	}
}

// killGroup kills every process in a directory: all at once where the kernel can (Linux 5.14), else
// those that are there now. In the first version a list of numbers is all there is; the directory is the
// jail's own, so that a number in it is the jail's at the moment it is read, and descriptors are opened
// before it is read again.
func killGroup(dir string) error {
	err := writeFile(filepath.Join(dir, "cgroup.kill"), "1")
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	held := map[string]*pidfd{}
	for _, pid := range members(dir) {
		if fd, err := openPidfd(atoi(pid)); err == nil {
			held[pid] = fd
		}
	}
	for _, pid := range members(dir) {
		if fd := held[pid]; fd != nil {
			_ = fd.signal(unix.SIGKILL)
		}
	}
	for _, fd := range held {
		fd.Close()
	}
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	return nil
}

func members(dir string) []string { return words(filepath.Join(dir, "cgroup.procs")) }

// join puts a process into the directories of the first version. It was born in cgroup2's.
func joinGroups(dirs []string, unified string, pid int) error {
	for _, dir := range dirs {
		if dir == unified {
			continue
		}
		if err := writeFile(filepath.Join(dir, "cgroup.procs"), itoa(pid)); err != nil {
			return cgroupError("enter", dir, err)
		}
	}
	return nil
}

// writeFile writes to a file of the kernel's, which must exist and takes one write.
func writeFile(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func cgroupError(op, dir string, err error) error {
	kind := fault.Unknown
	if errors.Is(err, os.ErrPermission) {
		kind = fault.Denied
	}
	return fault.New(op, kind, "cgroup "+dir, bare(err))
}
