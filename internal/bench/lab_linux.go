package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/run"
)

// lab is where everything is made, and what is to be taken back.
type lab struct {
	dir     string          // work directory
	root    string          // the root file system, unpacked
	archive string          // the same as a tar archive; empty: it is the embedded release
	rootIs  string          // what it is, for people
	self    string          // this program
	ioc     string          // the program that is compared
	groups  map[string]bool // cgroups that were there before
	group   string          // name of the cgroup directories of all that can be told one
	began   time.Time
	load    string // when it began
	skipped []string
	undo    []func() error
	count   int
}

func newLab(o options) (*lab, error) {
	l := &lab{group: "ioc-bench-" + strconv.Itoa(os.Getpid()), began: time.Now(), load: load()} //nolint:forbidigo // of the table
	var err error
	if l.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if l.ioc, err = filepath.Abs(o.ioc); err != nil {
		return nil, err
	}
	if _, err := os.Stat(l.ioc); err != nil {
		return nil, fmt.Errorf("%w: make build makes it", err)
	}
	if l.dir, err = os.MkdirTemp(o.dir, "ioc-bench-"); err != nil {
		return nil, err
	}
	l.later(func() error { return os.RemoveAll(l.dir) })
	// What the others leave in directories of the host that they cannot be told to leave alone.
	for _, dir := range []string{"/run/systemd", "/run/lxc", "/run/libpod", "/run/lock", "/var/lib/lxc", "/var/log/lxc", "/var/lib/cni"} {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			continue
		}
		if err := unix.Mount("bench", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
			return nil, errors.Join(fmt.Errorf("hide %s: %w", dir, err), l.remove())
		}
	}
	l.groups = groupDirs()
	l.later(func() error { return sweepGroups(l.group, l.groups) })
	return l, nil
}

// later registers what remove does, newest first.
func (l *lab) later(f func() error) { l.undo = append(l.undo, f) }

// remove takes everything back.
func (l *lab) remove() error {
	var all []error
	for _, f := range slices.Backward(l.undo) {
		all = append(all, f())
	}
	l.undo = nil
	return errors.Join(all...)
}

// do runs a command to its end. What it leaves running may keep its output open.
func (l *lab) do(ctx context.Context, argv ...string) error {
	_, err := (&run.Cmd{Argv: argv, Linger: time.Nanosecond}).Run(ctx)
	return err
}

// output runs a command and gives the first line of what it says.
func (l *lab) output(ctx context.Context, argv ...string) (string, error) {
	r, err := (&run.Cmd{Argv: argv}).Run(ctx)
	line, _, _ := strings.Cut(strings.TrimSpace(string(r.Stdout)), "\n")
	return line, err
}

// id is a name that was not used yet.
func (l *lab) id() string {
	l.count++
	return l.group + "-" + strconv.Itoa(l.count)
}

// joined is the name of the jail that others are joined to.
func (l *lab) joined() string { return l.group + "-joined" }

func (l *lab) skip(name string, why any) {
	text, _, _ := strings.Cut(fmt.Sprint(why), "\n")
	l.skipped = append(l.skipped, fmt.Sprintf("%s: %s", name, text))
}

// path is a directory of the lab's, made if missing.
func (l *lab) path(names ...string) string {
	dir := filepath.Join(append([]string{l.dir}, names...)...)
	_ = os.MkdirAll(dir, 0o755) // whoever uses it says what is wrong
	return dir
}

const groupRoot = "/sys/fs/cgroup"

// groupDirs lists all cgroups.
func groupDirs() map[string]bool {
	all := map[string]bool{}
	_ = filepath.WalkDir(groupRoot, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all[path] = true
		}
		return nil // one that has gone meanwhile is none of ours
	})
	return all
}

// sweepGroups removes the empty cgroups that were not there before and that carry our name, or one that
// another program gives its own where it cannot be told otherwise.
func sweepGroups(group string, before map[string]bool) error {
	var found []string
	for dir := range groupDirs() {
		ours := func(name string) bool {
			return name == group || strings.Contains(name, group+"-") || name == "libpod_parent" || name == "lxc.pivot"
		}
		if !before[dir] && slices.ContainsFunc(strings.Split(dir, "/"), ours) {
			found = append(found, dir)
		}
	}
	slices.Sort(found)
	var all []error
	for _, dir := range slices.Backward(found) { // children first
		all = append(all, removeGroup(dir))
	}
	return errors.Join(all...)
}

// removeGroup kills what another program has left in a cgroup of ours, and removes it. A process leaves a
// moment after it was killed.
func removeGroup(dir string) (err error) {
	for range 100 {
		if err = os.Remove(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err == nil {
			for pid := range strings.FieldsSeq(string(b)) {
				if n, err := strconv.Atoi(pid); err == nil && n > 0 {
					_ = unix.Kill(n, unix.SIGKILL)
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// load is the machine's load average.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(b)); err == nil && len(f) >= 3 {
		return strings.Join(f[:3], " ")
	}
	return "unknown"
}
