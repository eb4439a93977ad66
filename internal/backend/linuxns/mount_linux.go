package linuxns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/sandbox"
)

// Mount is the effect that changes the mounts of a running jail: it puts a mount at its place or, if Away, takes one away. It
// is done by a process that joins the jail, whose eyes find the place.
type Mount struct {
	Jail  sandbox.State
	Mount sandbox.Mount
	Away  bool   `json:",omitempty"`
	Was   uint64 `json:",omitempty"` // the kernel's number of the topmost mount at the target before; 0: there was none
	Run   string // the joining process's file

	driver *Driver
}

var _ events.Effect = (*Mount)(nil)

// EventType is sandbox.mount.
func (*Mount) EventType() string { return "sandbox.mount" }

// EventKey is the jail's id.
func (m *Mount) EventKey() string { return m.Jail.ID }

// EventTitle says what is where.
func (m *Mount) EventTitle() string {
	switch {
	case m.Away:
		return "unmount " + m.Mount.Target
	case m.Mount.Source == "":
		return "mount a " + m.Mount.Type + " at " + m.Mount.Target
	default:
		return "mount " + m.Mount.Source + " at " + m.Mount.Target
	}
}

// Volatile is true: mounts go with the jail.
func (*Mount) Volatile() bool { return true }

// Mount plans a mount in a running jail.
func (d *Driver) Mount(j sandbox.State, m sandbox.Mount) (events.Effect, error) {
	return d.remount(j, m, false)
}

// Unmount plans to take a mount of a running jail away.
func (d *Driver) Unmount(j sandbox.State, m sandbox.Mount) (events.Effect, error) {
	return d.remount(j, m, true)
}

func (d *Driver) remount(j sandbox.State, m sandbox.Mount, away bool) (events.Effect, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if !d.host().privileged || j.OwnUsers {
		return nil, fault.Unsupported("a mount in a jail that runs", "root, and a jail without ids of its own")
	}
	if _, err := mountProgram(m); err != nil {
		return nil, err
	}
	token, err := newToken()
	if err != nil {
		return nil, err
	}
	was, err := topmost(j, m.Target)
	if err != nil {
		return nil, err
	}
	if away && was == 0 {
		return nil, fault.New("unmount", fault.NotFound, m.Target, errors.New("nothing is mounted there"))
	}
	return &Mount{j, m, away, was, filepath.Join(d.options.Run, j.ID+"."+token), d}, nil
}

// mountProgram is what a joining process does to mount something. A bind comes with it.
func mountProgram(m sandbox.Mount) (stage.Program, error) {
	before, after, err := userMounts([]sandbox.Mount{m}, true)
	if err != nil {
		return nil, err
	}
	if m.Type == "bind" {
		before[0].N[1] = 0 // the first that is passed
	}
	return append(append(before, after...), stage.Step{Op: stage.OpEnd}), nil
}

// Do changes the mounts.
func (m *Mount) Do(ctx context.Context) error { return m.change(ctx, m.Away) }

// Undo changes them back, if they were changed. A jail that is gone has none.
func (m *Mount) Undo(ctx context.Context) error {
	// A joining process of somebody who died may be at work still.
	t := target{what: "a mount of jail " + m.Jail.ID, run: m.Run, id: identity{boot: m.Jail.Boot}, session: true}
	if err := t.end(ctx, bootID()); err != nil {
		return err
	}
	if status, err := m.driver.Status(ctx, m.Jail); err != nil || status != sandbox.Running {
		return err
	}
	now, err := topmost(m.Jail, m.Mount.Target)
	if err != nil || now == m.Was {
		return err
	}
	err = m.change(ctx, !m.Away)
	if errors.Is(err, fault.NotFound) {
		return nil // it has just ended
	}
	return err
}

func (m *Mount) change(ctx context.Context, away bool) error {
	program := stage.Program{{Op: stage.OpUnmount, S: []string{m.Mount.Target}}, {Op: stage.OpEnd}}
	var fds []int
	if !away {
		var err error
		if program, err = mountProgram(m.Mount); err != nil {
			return err
		}
		if m.Mount.Type == "bind" {
			set, clr, flags, _ := mountOptions(m.Mount.Options)
			fd, err := detachedCopy(sourceOf(&m.Mount), set, clr, flags&stage.FlagRecursive != 0)
			if err != nil {
				return fault.New("bind", kindOf(err), m.Mount.Source, err)
			}
			defer unix.Close(fd)
			fds = []int{fd}
		}
	}
	e := &Exec{Jail: m.Jail, Program: "mount", Run: m.Run, driver: m.driver, program: program, fds: fds}
	err := e.Do(ctx)
	if err == nil {
		var exit sandbox.Exit
		if exit, err = e.Wait(ctx); err == nil && exit.Status() != 0 {
			err = fault.New("mount", fault.Unknown, m.Mount.Target, errors.New(exit.String()))
		}
	}
	if err != nil {
		err = errors.Join(err, e.Undo(context.WithoutCancel(ctx)))
	}
	switch {
	case errors.Is(err, unix.EBUSY):
		return fault.New("unmount", fault.Busy, m.Mount.Target, errors.New("processes of the jail use it")).
			WithRemedy("end them, or stop the jail first")
	case errors.Is(err, unix.ELOOP):
		return fault.New("", fault.Invalid, "", fmt.Errorf("%w: there is a symbolic link on the way, and the jail could lead it anywhere", err))
	}
	return err
}

// detachedCopy is a mount of what is at a path of the host, at no place yet.
func detachedCopy(source []string, set, clr uint64, deep bool) (int, error) {
	how, at := uint(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC), uint(unix.AT_EMPTY_PATH)
	if deep {
		how, at = how|unix.AT_RECURSIVE, at|unix.AT_RECURSIVE
	}
	fd, err := stage.OpenSource(source, how)
	if err != nil {
		return -1, err
	}
	// The host's tree may be shared with others: what is mounted there later is not for the jail, nor the other way round.
	if err := unix.MountSetattr(fd, "", at, &unix.MountAttr{Attr_set: set, Attr_clr: clr, Propagation: unix.MS_PRIVATE}); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// topmost is the kernel's number of the mount that is at a path of a jail, 0 if none is. Later mounts come later in
// the list (proc_pid_mountinfo(5)), and cover those before.
func topmost(j sandbox.State, path string) (id uint64, err error) {
	text, err := os.ReadFile("/proc/" + itoa(j.PID) + "/mountinfo")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return 0, nil // it has ended
	}
	if err != nil {
		return 0, fault.New("read", kindOf(err), "mounts of jail "+j.ID, bare(err))
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 5 || unescape(f[4]) != path {
			continue
		}
		if n, err := strconv.ParseUint(f[0], 10, 64); err == nil {
			id = n
		}
	}
	return id, nil
}
