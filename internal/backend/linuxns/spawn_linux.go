package linuxns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/sandbox"
)

// Spawn is the effect that starts a jail's first process. Its undo ends the jail.
type Spawn struct {
	Jail sandbox.State

	driver  *Driver
	spec    sandbox.Spec
	users   *users
	unified string
	program stage.Program
}

var (
	_ sandbox.Held = (*Spawn)(nil)
	_ fmt.Stringer = (*Spawn)(nil) // what a tree of events shows behind "start init"
)

// EventType is sandbox.spawn.
func (s *Spawn) EventType() string { return "sandbox.spawn" }

// EventKey is the jail's id.
func (s *Spawn) EventKey() string { return s.Jail.ID }

// EventTitle says what is started.
func (s *Spawn) EventTitle() string {
	if s.spec.Process != nil {
		return "start " + s.spec.Process.Args[0]
	}
	return "start init"
}

// String names the jail and its process.
func (s *Spawn) String() string { return fmt.Sprintf("%s (pid %d)", s.Jail.ID, s.Jail.PID) }

// Volatile is true: no process survives a reboot.
func (s *Spawn) Volatile() bool { return true }

// State finds the jail again.
func (s *Spawn) State() sandbox.State { return s.Jail }

// Do starts the process and returns when its program runs. What it leaves when it fails is Undo's.
func (s *Spawn) Do(ctx context.Context) error {
	if s.driver == nil {
		return fault.New("start", fault.Internal, s.Jail.ID, errors.New("effect was read back and can only be undone"))
	}
	self, err := s.driver.openSelf()
	if err != nil {
		return events.Untouched(err)
	}
	defer self.Close()
	console, err := openConsole(s.spec.Console)
	if err != nil {
		return events.Untouched(fault.New("open", kindOf(err), "console "+s.spec.Console, bare(err)))
	}
	defer console.Close()
	b, err := conceive("jail "+s.Jail.ID, s.Jail.Run)
	if err != nil {
		return err
	}
	defer b.close()
	pid, err := s.clone(self, console, b)
	if err != nil {
		return s.cloneError(err)
	}
	b.born()
	id, err := b.identify(pid, s.Jail.Boot)
	if err != nil {
		return err
	}
	s.Jail.PID, s.Jail.Started, s.Jail.Mark = id.pid, id.started, pidNamespace(pid)

	if s.users != nil {
		if err := s.users.apply(pid); err != nil {
			return fault.New("map ids", kindOf(err), "jail "+s.Jail.ID, bare(err))
		}
	}
	if err := joinGroups(s.Jail.Groups, s.unified, pid); err != nil {
		return err
	}
	var fds []int
	if s.users != nil && s.users.shifted {
		mounts, err := passed(&s.spec, s.users, pid)
		if err != nil {
			return err
		}
		defer closeAll(mounts)
		for _, m := range mounts {
			fds = append(fds, int(m.Fd()))
		}
	}
	if err := b.instruct(ctx, s.program, fds...); err != nil {
		return err
	}
	return b.outcome(ctx)
}

// clone makes the process with all its namespaces but the cgroup's, which is entered when the process is
// where it stays. It is in its cgroup2 directory before it runs its first instruction.
func (s *Spawn) clone(self *executable, console *os.File, b *birth) (int, error) {
	attr := &syscall.SysProcAttr{
		Setsid:     true, // no terminal, and no signal meant for the caller's group
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
	}
	if s.spec.Network == sandbox.NetworkNone {
		attr.Cloneflags |= unix.CLONE_NEWNET
	}
	if s.users != nil {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		// The maps come later, maybe from another program; until then the process has no name for its ids,
		// and would lose all rights over its namespaces by executing the stage.
		for c := range s.driver.host().lastCap + 1 {
			attr.AmbientCaps = append(attr.AmbientCaps, uintptr(c))
		}
	}
	if s.unified != "" {
		dir, err := os.Open(s.unified)
		if err != nil {
			return 0, err
		}
		defer dir.Close()
		attr.UseCgroupFD, attr.CgroupFD = true, int(dir.Fd())
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	// The program is among the child's files and named by its number there: any other number may be taken
	// for a while, between birth and execution, by the runtime's shuffling of the files.
	var files []uintptr
	for _, f := range []*os.File{null, console, console, b.theirControl, b.theirReport, b.lock.File, self.File} {
		files = append(files, f.Fd())
	}
	path := "/proc/self/fd/" + itoa(len(files)-1)
	return syscall.ForkExec(path, []string{processName(s.Jail.ID)}, &syscall.ProcAttr{
		Dir: "/", Env: stage.Environ(false), Files: files, Sys: attr,
	})
}

// cloneError explains what hosts do to ordinary users.
func (s *Spawn) cloneError(err error) error {
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSPC)
	if s.users != nil && !s.driver.host().privileged && refused {
		return fault.New("clone", fault.Unknown, "jail "+s.Jail.ID, fault.Unsupported("a user namespace",
			"permission of the host (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "+
				"kernel.apparmor_restrict_unprivileged_userns)"))
	}
	return fault.New("clone", kindOf(err), "jail "+s.Jail.ID, err)
}

// openConsole opens the file that gets the first process's words; the null device if there is none. A
// link in its place is refused: it could lead to any file of the host.
func openConsole(path string) (*os.File, error) {
	if path == "" {
		return os.OpenFile(os.DevNull, os.O_RDWR, 0)
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NOCTTY, 0o600)
}

// Undo ends the jail.
func (s *Spawn) Undo(ctx context.Context) error {
	// Where there is a cgroup2 directory everything in it is killed; else the first process is, and the kernel
	// ends the others of its namespace with it.
	j := s.Jail
	t := target{what: "jail " + j.ID, run: j.Run, id: identity{j.PID, j.Started, j.Boot}}
	if i := slices.IndexFunc(j.Groups, isUnified); i >= 0 {
		t.unified = j.Groups[i]
	}
	return t.end(ctx, bootID())
}

// isUnified says that a directory is of cgroup2: no other has the file.
func isUnified(dir string) bool {
	_, err := os.Stat(dir + "/cgroup.events")
	return err == nil
}
