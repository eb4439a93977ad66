package companion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is what is started.
type Command struct {
	// File is where the process is noted, of this start alone. File.log has what it says.
	//
	//	not there               nothing was started, or it is over
	//	locked                  it is being started, or is about to give up
	//	not locked, empty       nothing was started, and nothing will be
	//	not locked, not empty   that process was started; it may live
	File string

	Boot string     // which boot of the machine this is
	Argv []string   // a path, and arguments
	Env  []string   // all of its environment
	More []*os.File // what it gets from descriptor 3 on; Start does not close them
}

// Companion is one that this process has started.
type Companion struct {
	PID  int
	file string
	fd   *os.File // a pidfd
}

// waiting is what comes before the program: whoever starts it notes it first, and if that one dies before, the read gives
// nothing and nothing was started. The lock is held until the program runs.
const waiting = `read -r _ <&3 || exit 1; exec 3<&- 4<&-; `

// script moves what the program is to have from descriptor 5 on to 3 on.
func script(more int) string {
	var b strings.Builder
	b.WriteString(waiting)
	for n := range more {
		fmt.Fprintf(&b, "exec %d<&%d %d<&-; ", 3+n, 5+n, 5+n)
	}
	b.WriteString(`exec "$@"`)
	return b.String()
}

// Start starts a process in a session of its own, in the network namespace of the calling thread. It returns when the
// process is noted; the program may run later, and may fail: see Wait and Said. If Start fails, End has something to do.
func Start(c Command) (*Companion, error) {
	note, err := makeNote(c.File)
	if err != nil {
		return nil, err
	}
	defer note.Close()
	log, err := os.OpenFile(c.File+".log", os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	files := []uintptr{null.Fd(), log.Fd(), log.Fd(), theirs.Fd(), note.Fd()}
	for _, f := range c.More {
		files = append(files, f.Fd())
	}
	argv := append([]string{"sh", "-c", script(len(c.More)), "sh"}, c.Argv...)
	pid, err := syscall.ForkExec("/bin/sh", argv, &syscall.ProcAttr{
		Dir: "/", Env: c.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	_ = theirs.Close() // a copy of ours would keep a child waiting for ever
	if err != nil {
		return nil, err
	}
	p := &Companion{PID: pid, file: c.File}
	if p.fd, err = openPidfd(pid); err != nil {
		return nil, err
	}
	began, err := started(pid)
	if err == nil {
		_, err = fmt.Fprintf(note, "%d %d %s\n", pid, began, c.Boot)
	}
	if err == nil {
		_, err = ours.WriteString("\n")
	}
	if err != nil {
		return nil, errors.Join(err, p.fd.Close())
	}
	return p, nil
}

// makeNote makes a file and locks it. Its directory may be removed with the last file in it right now.
func makeNote(path string) (*os.File, error) {
	for tries := 100; ; tries-- {
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		var f *os.File
		if err == nil {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		}
		if err != nil {
			if errors.Is(err, os.ErrNotExist) && tries > 0 {
				continue
			}
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

// Close lets go of the process, which goes on.
func (c *Companion) Close() { _ = c.fd.Close() }

// Ended says whether it has.
func (c *Companion) Ended() bool { return ended(c.fd, 0) }

// Wait waits until it has ended or ctx is done, and reports which.
func (c *Companion) Wait(ctx context.Context) bool { return wait(ctx, c.fd) }

// Said is the end of what it has said.
func (c *Companion) Said() string {
	text, err := os.ReadFile(c.file + ".log")
	if err != nil {
		return ""
	}
	text = bytes.TrimSpace(text)
	const most = 400
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return strings.ToValidUTF8(strings.Join(strings.Split(string(text), "\n"), "; "), "")
}

// patience bounds the waiting for what was killed, or gives up by itself.
const patience = 30 * time.Second

// End asks the process that file notes to end, gives it some time for that, and kills it then. If nothing was started,
// or it is over, there is nothing to do. It can be repeated at any point, by any process.
func End(ctx context.Context, file, boot string, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience+grace)
	defer cancel()
	if err := settled(ctx, file); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return forget(file)
	}
	if err != nil {
		return err
	}
	if pid, began, ok := noted(bytes.NewReader(text), boot); ok {
		if err := end(ctx, pid, began, grace); err != nil {
			return err
		}
	}
	return forget(file)
}

// noted reads a note: false if nothing was started, or the machine was booted since.
func noted(note io.Reader, boot string) (pid int, began uint64, ok bool) {
	var of string
	n, _ := fmt.Fscanf(note, "%d %d %s\n", &pid, &began, &of)
	return pid, began, n == 3 && of == boot
}

// Lives says whether the process that file notes runs, or is being started.
func Lives(file, boot string) (bool, error) {
	f, err := os.OpenFile(file, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	pid, began, ok := noted(f, boot)
	if !ok {
		return false, nil
	}
	fd, err := openPidfd(pid)
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer fd.Close()
	now, err := started(pid)
	return err == nil && now == began && !ended(fd, 0), nil //nolint:nilerr // it has ended meanwhile
}

// settled waits until nobody starts the process any more: it runs, or whoever started it is gone and it has noticed.
func settled(ctx context.Context, file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s is locked by a process that is being started: %w", file, context.Cause(ctx))
		}
	}
}

// end ends a process, if it is still the one that began then.
func end(ctx context.Context, pid int, began uint64, grace time.Duration) error {
	fd, err := openPidfd(pid)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer fd.Close()
	if now, err := started(pid); err != nil || now != began {
		return nil //nolint:nilerr // it has ended, and its number may be another's
	}
	for _, s := range []struct {
		signal unix.Signal
		bound  time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, patience}} {
		if err := send(fd, s.signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		bound, cancel := context.WithTimeout(ctx, s.bound)
		over := wait(bound, fd)
		cancel()
		if over {
			reap(fd)
			return nil
		}
	}
	return fmt.Errorf("process %d was killed and is still there", pid)
}

// forget removes what was noted. The note goes last: it is what is looked for.
func forget(file string) error {
	for _, path := range []string{file + ".log", file} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	_ = os.Remove(filepath.Dir(file)) // fails while another is in it
	return nil
}

// started says when a process began, in ticks since the boot: proc(5), stat, field 22. Its name, before, may contain
// anything.
func started(pid int) (uint64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

func openPidfd(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

func send(fd *os.File, s unix.Signal) error { return unix.PidfdSendSignal(int(fd.Fd()), s, nil, 0) }

// reap takes the process's end, if it was a child of this one.
func reap(fd *os.File) {
	_ = unix.Waitid(unix.P_PIDFD, int(fd.Fd()), nil, unix.WEXITED|unix.WNOHANG, nil)
}

// ended says whether a process has ended within some milliseconds.
func ended(fd *os.File, within int) bool {
	poll := []unix.PollFd{{Fd: int32(fd.Fd()), Events: unix.POLLIN}} //nolint:gosec // a descriptor is small
	n, err := unix.Poll(poll, within)
	return err == nil && n == 1
}

// wait waits for a process's end.
func wait(ctx context.Context, fd *os.File) bool {
	for {
		if ended(fd, 20) {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
	}
}
