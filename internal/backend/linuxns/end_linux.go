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
	"github.com/libioc/ioc/sandbox"
)

// target is what an undo has to end.
type target struct {
	what    string   // for messages
	run     string   // the start's file
	id      identity // zero: not known
	unified string   // cgroup2 directory of nobody else, or ""
	session bool     // the process leads a session, which ends with it; else it is a namespace's first
	lost    bool     // no record has it, so that nobody else knows more
}

// untilSaid is how long an end is waited for before it is said on whom.
const untilSaid = 200 * time.Millisecond

// end kills, waits until everything is gone, and forgets. It can be repeated at any point.
func (t *target) end(ctx context.Context, boot string) error {
	if t.id.boot != "" && t.id.boot != boot {
		return removeFile(t.run) // of another boot: nothing of it can be there
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	// Everything in the jail's own directory is the jail's, known or not, half started or not.
	if t.unified != "" {
		if err := killGroup(t.unified); err != nil && !errors.Is(err, os.ErrNotExist) {
			return cgroupError("kill", t.unified, err)
		}
	}
	if err := t.endProcess(ctx, boot); err != nil {
		return err
	}
	// A start that was under way may have got further meanwhile.
	if err := settle(ctx, t.run); err != nil {
		return err
	}
	id, err := readRunFile(t.run)
	if errors.Is(err, fault.Corrupt) && (t.id.pid != 0 || t.unified != "" || t.lost) {
		id, err = identity{}, nil // whom it could name has been ended, or can be found without it
	}
	if err != nil {
		return err
	}
	// A file can be wrong about who it means, a namespace cannot: nobody in ours is a jail's.
	if id.pid != 0 && pidNamespace(id.pid) != pidNamespace(os.Getpid()) {
		t.id = id
		if err := t.endProcess(ctx, boot); err != nil {
			return err
		}
	}
	if t.unified != "" {
		if err := waitEmpty(ctx, t.unified); err != nil {
			return err
		}
	}
	return removeFile(t.run)
}

// endProcess kills the known process, if it is still the one that was started, and waits for its end.
func (t *target) endProcess(ctx context.Context, boot string) error {
	fd, status, err := find(t.id.pid, t.id.started, boot, boot)
	if err != nil {
		return fault.New("find", fault.Unknown, t.what, err)
	}
	if fd == nil {
		return nil
	}
	defer fd.Close()
	if status == sandbox.Running {
		send := fd.signal
		if t.session {
			// One that is still being set up leads neither session nor group: it alone is killed.
			send = func(s unix.Signal) error { return errors.Join(fd.signalGroup(t.id.pid, s), fd.signal(s)) }
		}
		if err := send(unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fault.New("kill", kindOf(err), t.what, err)
		}
	}
	if t.session {
		killSession(t.id.pid) // before it is reaped: until then its number is nobody else's session
	}
	quick, stop := context.WithTimeout(ctx, untilSaid)
	err = fd.wait(quick)
	stop()
	if err != nil {
		_ = events.Report(ctx, "waiting for "+t.what+": "+explain(t.id.pid))
		err = fd.wait(ctx)
	}
	if err != nil {
		return fault.New("end", fault.Timeout, t.what, errors.New("killed and still there: "+explain(t.id.pid)))
	}
	fd.reap(unix.WNOHANG)
	return nil
}

// killSession kills what is left of a session whose leader was killed; what the first process of a
// namespace has started goes by itself. Each process is held by a
// descriptor before its session is read, so that a number that is used again meets nobody else.
func killSession(leader int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		pid := atoi(e.Name())
		if pid <= 0 || pid == leader {
			continue
		}
		if p, err := readProcess(pid); err != nil || p.session != leader {
			continue
		}
		fd, err := openPidfd(pid)
		if err != nil {
			continue
		}
		if p, err := readProcess(pid); err == nil && p.session == leader {
			_ = fd.signal(unix.SIGKILL)
		}
		fd.Close()
	}
}

// waitEmpty waits until nothing is left in a directory in which everything was killed.
func waitEmpty(ctx context.Context, dir string) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		left := members(dir)
		if allEnded(left) {
			return nil
		}
		if err := killGroup(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return cgroupError("kill", dir, err)
		}
		if wait(ctx, pause) != nil {
			return fault.New("end", fault.Timeout, "cgroup "+dir,
				errors.New("killed and still there: "+strings.Join(slices.Collect(explainAll(left)), "; ")))
		}
	}
}

// allEnded says that nobody of these runs any more.
func allEnded(pids []string) bool {
	for _, s := range pids {
		if p, err := readProcess(atoi(s)); err == nil && p.state != 'Z' && p.state != 'X' {
			return false
		}
	}
	return true
}

// explain says what a process is that does not end, and what it waits in.
func explain(pid int) string {
	p, err := readProcess(pid)
	if err != nil {
		return fmt.Sprintf("pid %d: %v", pid, err)
	}
	text := fmt.Sprintf("pid %d (%s) in state %c", pid, p.name, p.state)
	if b, err := os.ReadFile("/proc/" + itoa(pid) + "/wchan"); err == nil && len(b) > 1 {
		text += ", in " + string(b)
	}
	return text
}

func explainAll(pids []string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, s := range pids {
			if !yield(explain(atoi(s))) {
				return
			}
		}
	}
}

// removeFile removes the driver's file, and its directory when that is empty.
func removeFile(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.New("remove", kindOf(err), path, bare(err))
	}
	_ = os.Remove(filepath.Dir(path)) // fails while another file is in it
	return nil
}

func kindOf(err error) fault.Kind {
	switch {
	case errors.Is(err, os.ErrPermission):
		return fault.Denied
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EAGAIN):
		return fault.NoSpace
	default:
		return fault.Unknown
	}
}
