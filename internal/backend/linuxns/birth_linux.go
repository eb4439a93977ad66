package linuxns

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/sandbox"
)

// birth is the parent's side of a stage: the channels to a process between its clone and the execution of
// the jail's program.
type birth struct {
	what    string
	control *os.File // the program goes out, a terminal comes back
	report  *os.File // what failed
	lock    *runFile

	theirControl, theirReport *os.File
}

// conceive makes the channels, and the file by which an undo finds the process.
func conceive(what, run string) (b *birth, err error) {
	b = &birth{what: what}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.lock, err = makeRunFile(run); err != nil {
		return b, fault.New("make", kindOf(err), run, bare(err))
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return b, fault.New("make", kindOf(err), "control socket", err)
	}
	// Our ends do not block, so that waiting on them can be broken off; the stage's do.
	_ = unix.SetNonblock(pair[0], true)
	b.control = os.NewFile(uintptr(pair[0]), "control")
	b.theirControl = os.NewFile(uintptr(pair[1]), "control")
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return b, fault.New("make", kindOf(err), "report pipe", err)
	}
	_ = unix.SetNonblock(pipe[0], true)
	b.report = os.NewFile(uintptr(pipe[0]), "report")
	b.theirReport = os.NewFile(uintptr(pipe[1]), "report")
	return b, nil
}

// born is called when the child has its copies: ours of its ends would keep them open for ever.
func (b *birth) born() {
	for _, f := range []**os.File{&b.theirControl, &b.theirReport} {
		if *f != nil {
			_ = (*f).Close()
			*f = nil
		}
	}
}

func (b *birth) close() {
	b.born()
	for _, f := range []*os.File{b.control, b.report} {
		if f != nil {
			_ = f.Close()
		}
	}
	if b.lock != nil {
		_ = b.lock.Close()
	}
}

// identify finds out who pid is, before anybody else can have reaped it, and notes it.
func (b *birth) identify(pid int, boot string) (identity, error) {
	p, err := readProcess(pid)
	if err != nil {
		return identity{}, fault.New("start", fault.Unknown, b.what, err)
	}
	id := identity{pid, p.started, boot}
	if err := b.lock.note(id); err != nil {
		return id, fault.New("note", kindOf(err), b.what, bare(err))
	}
	return id, nil
}

// instruct sends the program and descriptors that belong to it. A child that has died meanwhile has
// its say in outcome.
func (b *birth) instruct(ctx context.Context, program stage.Program, fds ...int) error {
	defer b.until(ctx, b.control.SetDeadline)()
	wire := program.Encode()
	if len(fds) > 0 {
		raw, err := b.control.SyscallConn()
		if err != nil {
			return err
		}
		inner := error(nil)
		err = raw.Write(func(fd uintptr) bool {
			inner = unix.Sendmsg(int(fd), wire[:1], unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL)
			return !errors.Is(inner, unix.EAGAIN)
		})
		if err = errors.Join(err, inner); err != nil {
			return b.broken(ctx, err)
		}
		wire = wire[1:]
	}
	_, err := b.control.Write(wire)
	return b.broken(ctx, err)
}

func (b *birth) broken(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return nil // outcome knows better
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return fault.New("start", fault.Unknown, b.what, err)
	}
}

// outcome waits until the jail's program runs, and tells what hindered it otherwise.
func (b *birth) outcome(ctx context.Context) error {
	defer b.until(ctx, b.report.SetDeadline)()
	said, err := io.ReadAll(b.report)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fault.New("start", fault.Unknown, b.what, err)
	}
	started, failure := stage.Outcome(said)
	switch {
	case failure == nil && started:
		return nil
	case failure == nil:
		return fault.New("start", fault.Unavailable, b.what, errors.New("killed while it was being set up"))
	case failure.Exec:
		return &sandbox.ExecError{Path: failure.Where, Err: unix.Errno(failure.Errno)}
	default:
		errno := unix.Errno(failure.Errno)
		return fault.New("set up", kindOf(errno), b.what, fault.New(failure.Where, fault.Unknown, "", errno))
	}
}

// until makes a channel's waiting end with ctx: at once if that is over, as everything may be done before AfterFunc's goroutine runs.
func (b *birth) until(ctx context.Context, deadline func(time.Time) error) (stop func() bool) {
	end := func() { _ = deadline(time.Unix(1, 0)) }
	if ctx.Err() != nil {
		end()
	}
	return context.AfterFunc(ctx, end)
}

// terminal receives the controlling side of the terminal that the stage has made.
func (b *birth) terminal(ctx context.Context) (*os.File, error) {
	defer b.until(ctx, b.control.SetDeadline)()
	raw, err := b.control.SyscallConn()
	if err != nil {
		return nil, err
	}
	var one [1]byte
	rights := make([]byte, unix.CmsgSpace(4))
	n, got, inner := 0, 0, error(nil)
	err = raw.Read(func(fd uintptr) bool {
		n, got, _, _, inner = unix.Recvmsg(int(fd), one[:], rights, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(inner, unix.EAGAIN)
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil || inner != nil || n == 0 {
		return nil, nil // the stage failed; outcome says how
	}
	messages, err := unix.ParseSocketControlMessage(rights[:got])
	if err != nil || len(messages) != 1 {
		return nil, fault.New("receive", fault.Internal, "terminal", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fault.New("receive", fault.Internal, "terminal", err)
	}
	_ = unix.SetNonblock(fds[0], true)
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}
