//go:build linux

package shell

import (
	"context"
	"fmt"
	"maps"
	"math/bits"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/libioc/ioc/userland/internal/process"
	"github.com/libioc/ioc/userland/internal/text"
	"golang.org/x/sys/unix"
)

// signalState is what arrived and has not been dealt with.
type signalState struct {
	pending atomic.Uint64 // a bit for each signal with a trap
	arrived chan struct{} // gets a token with each of them
	ch      chan os.Signal
	wake    int // an eventfd that is readable while the command line is interrupted
	cancel  atomic.Pointer[context.CancelFunc]
	trapped atomic.Uint64 // signals that have a trap
}

func (st *signalState) init() {
	st.arrived = make(chan struct{}, 1)
	st.wake = -1
}

// watch makes signals arrive here instead of ending the process.
func (s *Shell) watch(sigs ...os.Signal) {
	st := &s.signals
	if st.ch == nil {
		st.ch = make(chan os.Signal, 16)
		go func() {
			for sig := range st.ch {
				st.take(sig.(syscall.Signal))
			}
		}()
	}
	signal.Notify(st.ch, sigs...)
}

func (st *signalState) take(sig syscall.Signal) {
	if st.trapped.Load()>>uint(sig)&1 != 0 {
		st.pending.Or(1 << uint(sig))
		select {
		case st.arrived <- struct{}{}:
		default:
		}
	}
	if sig == syscall.SIGINT {
		st.interrupt()
	}
}

// interrupt ends the context of the command line, and wakes reads that block.
func (st *signalState) interrupt() {
	if cancel := st.cancel.Load(); cancel != nil {
		(*cancel)()
	}
	if st.wake >= 0 {
		unix.Write(st.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// interruptible begins a new command line, which SIGINT can interrupt.
func (s *Shell) interruptible() {
	st := &s.signals
	if st.wake < 0 {
		if fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
			st.wake = fd
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	st.cancel.Store(&cancel)
	if st.wake >= 0 {
		var b [8]byte
		unix.Read(st.wake, b[:])
	}
}

// first is the lowest signal that waits for its trap.
func (st *signalState) first() syscall.Signal {
	if p := st.pending.Load(); p != 0 {
		return syscall.Signal(bits.TrailingZeros64(p))
	}
	return 0
}

// runTraps runs the actions of the signals that have arrived.
func (s *Shell) runTraps() {
	for {
		sig := s.signals.first()
		if sig == 0 {
			return
		}
		s.signals.pending.And(^uint64(1 << uint(sig)))
		if s.ctx.Err() != nil {
			s.interruptible()
		}
		name := process.SignalName(sig)
		action, ok := s.traps[name]
		if !ok {
			// It was to end the shell, and is only here because there is an EXIT trap to run first.
			s.exit(128 + int(sig))
			s.exitTrap()
			s.flushAndDie(sig)
			return
		}
		s.action(action)
		if s.flow.kind != flowNone {
			return
		}
	}
}

// flushAndDie ends the process by the signal that was meant to.
func (s *Shell) flushAndDie(sig syscall.Signal) {
	signal.Reset(sig)
	process.Send(os.Getpid(), sig)
	os.Exit(128 + int(sig))
}

// action runs the text of a trap. It leaves $? as it was, unless it exits.
func (s *Shell) action(src string) {
	status, flow := s.status, s.flow
	s.flow = flowOf(flowNone)
	s.inTrap = true
	list, err := s.parse(src)
	if err != nil {
		s.errorf("trap: %s", err)
	} else {
		s.stmts(list)
	}
	s.inTrap = false
	if s.flow.kind != flowExit {
		s.status, s.flow = status, flow
	}
}

func flowOf(kind flowKind) flow { return flow{kind: kind} }

func (s *Shell) errTrap() {
	if action := s.traps["ERR"]; action != "" && !s.inTrap {
		s.action(action)
	}
}

// exitTrap runs the trap for the end of the environment, once.
func (s *Shell) exitTrap() {
	action := s.traps["EXIT"]
	if action == "" {
		return
	}
	delete(s.traps, "EXIT")
	status := s.status
	if s.ctx.Err() != nil && s.main {
		s.interruptible()
	}
	s.flow = flow{}
	s.action(action)
	if s.flow.kind != flowExit {
		s.status = status
	}
	s.flow = flowOf(flowExit)
}

// trapName is the name under which a trap is kept: EXIT, ERR, or that of a signal without SIG.
func trapName(word string) (string, error) {
	switch up := strings.TrimPrefix(strings.ToUpper(word), "SIG"); up {
	case "0", "EXIT":
		return "EXIT", nil
	case "ERR", "DEBUG", "RETURN":
		return up, nil
	}
	sig, err := process.ParseSignal(word)
	if err != nil {
		return "", err
	}
	return process.SignalName(sig), nil
}

func trapBuiltin(s *Shell, args []string) int {
	args = args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "-l" {
		for n := 1; n < 32; n++ {
			s.write(1, fmt.Sprintf("%2d) %s\n", n, process.SignalName(syscall.Signal(n))))
		}
		return 0
	}
	if len(args) == 0 || args[0] == "-p" {
		for _, name := range slices.Sorted(maps.Keys(s.traps)) {
			s.write(1, "trap -- "+text.Quote(s.traps[name])+" "+name+"\n")
		}
		return 0
	}
	action, names := args[0], args[1:]
	reset := action == "-"
	if _, err := strconv.Atoi(action); err == nil || len(names) == 0 {
		reset, names = true, args // trap 2 is trap - 2
	}
	status := 0
	for _, word := range names {
		name, err := trapName(word)
		if err != nil {
			s.errorf("trap: %s", err)
			status = 1
			continue
		}
		if reset {
			s.resetTrap(name)
		} else {
			s.setTrap(name, action)
		}
	}
	return status
}

// setTrap sets the action of a signal; an empty one ignores it, here and in what is started.
func (s *Shell) setTrap(name, action string) {
	s.traps[name] = action
	if !s.main {
		return
	}
	if name == "EXIT" || name == "ERR" || name == "DEBUG" || name == "RETURN" {
		if name == "EXIT" && action != "" && !s.interactive {
			// What would end the process silently must let the trap run.
			for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
				if _, own := s.traps[process.SignalName(sig)]; !own && !signal.Ignored(sig) {
					s.arm(sig)
				}
			}
		}
		return
	}
	sig, err := process.ParseSignal(name)
	if err != nil || sig == 0 || sig == syscall.SIGKILL || sig == syscall.SIGSTOP {
		return
	}
	if action == "" {
		s.signals.trapped.And(^uint64(1 << uint(sig)))
		signal.Ignore(sig)
		return
	}
	s.arm(sig)
}

func (s *Shell) arm(sig syscall.Signal) {
	s.signals.trapped.Or(1 << uint(sig))
	s.watch(sig)
	if sig == syscall.SIGINT && s.ctx.Done() == nil {
		s.interruptible()
	}
}

func (s *Shell) resetTrap(name string) {
	delete(s.traps, name)
	if !s.main {
		return
	}
	sig, err := process.ParseSignal(name)
	if err != nil || name == "EXIT" {
		return
	}
	s.signals.trapped.And(^uint64(1 << uint(sig)))
	if s.interactive && (sig == syscall.SIGINT || sig == syscall.SIGQUIT || sig == syscall.SIGTSTP) {
		s.watch(sig)
		return
	}
	signal.Reset(sig)
}

// interruptible is a stream whose reads end when the command line is interrupted.
type interruptible struct {
	ctx  context.Context //nolint:containedctx // it is what this is about
	f    *os.File
	wake int
}

func (r *interruptible) File() *os.File { return r.f }

func (r *interruptible) Read(b []byte) (int, error) {
	if err := r.wait(-1); err != nil {
		return 0, err
	}
	return r.f.Read(b)
}

// wait waits until there is something to read, or for some milliseconds.
func (r *interruptible) wait(timeout int) error {
	fds := []unix.PollFd{{Fd: int32(r.f.Fd()), Events: unix.POLLIN}, {Fd: int32(r.wake), Events: unix.POLLIN}}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		n, err := unix.Poll(fds, timeout)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return os.NewSyscallError("poll", err)
		case n == 0:
			return os.ErrDeadlineExceeded
		case fds[0].Revents != 0:
			return nil
		}
	}
}
