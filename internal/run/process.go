package run

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// Run starts c, waits for its end and for all of its output, and returns what it left. The error is
// an *Error, or nil if the command ended with exit code 0.
//
// When ctx is cancelled, the command's process group is sent SIGTERM, and SIGKILL after Cmd.Grace or
// when the command itself has gone, whichever is first: nothing of the group is left. A command that ends with code 0 all the same has done its
// work: Run then returns nil. One that not even SIGKILL ends is left behind, with ErrStuck; Stdout may then still be written to.
// A panic in Cmd.Line ends the group at once and goes on.
func (c *Cmd) Run(ctx context.Context) (Result, error) {
	err := context.Cause(ctx)
	if len(c.Argv) == 0 {
		err = errors.New("no program named")
	}
	p := &process{Cmd: c, lines: make(chan line), exited: make(chan struct{})}
	if err == nil {
		err = p.start(ctx)
	}
	if err != nil {
		return Result{ExitCode: -1}, &Error{Argv: c.Argv, ExitCode: -1, Err: err}
	}
	return p.finish(ctx)
}

// process is one run of a Cmd.
type process struct {
	*Cmd
	exec    *exec.Cmd
	began   time.Time
	pipes   []*pipe
	readers sync.WaitGroup // one for each pipe
	lines   chan line      // to the goroutine of Run, so that Cmd.Line runs there
	broken  chan error     // a pipe whose sink refused; one place for each pipe
	exited  chan struct{}  // closed when the command was waited for
	waitErr error          // valid once exited is closed
	hurry   atomic.Bool    // the command was ended: whoever still holds its pipes gets no more time
	stdout  bounded
	tail    tail
	leash   leash
}

type line struct {
	from Stream
	text string
}

// start starts the command and the goroutines that read and wait. The command must outlive ctx by
// its grace, so exec does not see ctx.
func (p *process) start(ctx context.Context) error {
	argv, err := p.leash.attach(p.Cmd)
	if err != nil {
		return err
	}
	p.exec = exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...) //nolint:gosec // starting what it is given is this package's purpose
	p.exec.Dir = p.Dir
	p.exec.Env = p.Env
	if !p.Bare {
		p.exec.Env = append(append(p.exec.Environ(), p.Env...), "LC_ALL=C")
	}
	if p.exec.Env == nil {
		p.exec.Env = []string{} // nil would be the caller's
	}
	p.exec.Stdin = p.Stdin
	p.exec.ExtraFiles = p.leash.with(p.ExtraFiles)
	p.exec.WaitDelay = p.linger() // for Stdin only: a reader that blocks must not keep Wait
	p.stdout.most = p.maxOutput()
	ownGroup(p.exec)

	err = p.connect()
	p.began = now()
	if err == nil {
		err = p.exec.Start()
	}
	if err != nil {
		for _, pipe := range p.pipes {
			err = errors.Join(err, pipe.read.Close(), pipe.write.Close())
		}
		p.leash.release()
		return err
	}
	p.leash.started()
	p.broken = make(chan error, len(p.pipes))
	for _, pipe := range p.pipes {
		_ = pipe.write.Close() // the command has its own; ours would keep the pipe from ending
		p.readers.Go(func() { pipe.copy(p) })
	}
	go func() {
		p.waitErr = p.exec.Wait()
		close(p.exited)
	}()
	return nil
}

// connect decides where the two streams of the command go.
func (p *process) connect() (err error) {
	if p.exec.Stderr, err = p.attach(Stderr, &p.tail); err != nil {
		return err
	}
	file, isFile := p.Stdout.(*os.File)
	switch {
	case isFile:
		p.exec.Stdout = file
	case p.Stdout != nil:
		p.exec.Stdout, err = p.attach(Stdout, p.Stdout)
	case p.Line != nil:
		p.exec.Stdout, err = p.attach(Stdout, io.Discard) // its lines are what is wanted
	default:
		p.exec.Stdout, err = p.attach(Stdout, &p.stdout)
	}
	return err
}

// attach makes a pipe from the command to sink and returns the command's end.
func (p *process) attach(from Stream, sink io.Writer) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	byLine := p.Line != nil && (from == Stderr || p.Stdout == nil)
	p.pipes = append(p.pipes, &pipe{from: from, read: r, write: w, sink: sink, byLine: byLine})
	return w, nil
}

// finish sees the command through to its end and collects what came of it.
func (p *process) finish(ctx context.Context) (Result, error) {
	drained := make(chan struct{})
	go func() {
		<-p.exited
		p.leash.release()
		if p.hurry.Load() {
			endGroup(p.exec, certainly) // who did not heed the polite signal outlives the command
		}
		for _, pipe := range p.pipes {
			pipe.commandGone(p.linger())
		}
		p.readers.Wait()
		close(drained)
	}()
	over := false
	defer func() { // a panic or Goexit in Cmd.Line: nobody will hear of the command again
		if !over {
			p.hurry.Store(true)
			endGroup(p.exec, certainly)
			for !over {
				select {
				case <-p.lines:
				case <-p.broken: //nolint:errcheck // nobody will hear of it
				case <-drained:
					over = true
				}
			}
		}
	}()
	cancelled, refused := p.follow(ctx, drained)
	over = true
	if errors.Is(refused, ErrStuck) {
		go p.forget(drained)
		return Result{ExitCode: -1, Duration: now().Sub(p.began)}, &Error{Argv: p.Argv, ExitCode: -1, Err: errors.Join(cancelled, refused)}
	}
	result := Result{Stdout: p.stdout.data, ExitCode: p.exec.ProcessState.ExitCode(), Duration: now().Sub(p.began)}
	return result, p.outcome(cancelled, refused)
}

// forget waits for a command that nobody waits for any more.
func (p *process) forget(drained <-chan struct{}) {
	for {
		select {
		case <-p.lines:
		case <-drained:
			return
		}
	}
}

// follow hands on lines and ends the command when it is told to. It returns when all output was
// read, with why the command was ended, if it was: the context's cause, or the error of a sink. It is
// ErrStuck if the command has not ended a while after it was killed.
func (p *process) follow(ctx context.Context, drained <-chan struct{}) (cancelled, refused error) {
	done := ctx.Done()
	var grace, lost <-chan time.Time
	end := func() {
		p.hurry.Store(true)
		select {
		case <-p.exited:
			endGroup(p.exec, certainly)
		default:
			endGroup(p.exec, politely)
			grace = time.After(p.grace())
		}
	}
	for {
		select {
		case l := <-p.lines:
			p.Line(l.from, l.text)
		case <-done:
			done, cancelled = nil, context.Cause(ctx)
			end()
		case err := <-p.broken:
			refused = errors.Join(refused, err)
			end()
		case <-grace:
			endGroup(p.exec, certainly)
			lost = time.After(patience)
		case <-lost:
			select {
			case <-p.exited: // a writer is what is waited for
			default:
				return cancelled, ErrStuck
			}
		case <-drained:
			for len(p.broken) > 0 { // select may have seen the end first
				refused = errors.Join(refused, <-p.broken)
			}
			return cancelled, refused
		}
	}
}

// outcome is nil or an *Error.
func (p *process) outcome(cancelled, refused error) error {
	state := p.exec.ProcessState
	why := refused
	if why == nil && !state.Success() {
		why = cancelled
	}
	if _, own := errors.AsType[*exec.ExitError](p.waitErr); why == nil && !own && !errors.Is(p.waitErr, exec.ErrWaitDelay) {
		why = p.waitErr // Stdin could not be read
	}
	if why == nil && state.Success() {
		return nil
	}
	return &Error{Argv: p.Argv, ExitCode: state.ExitCode(), State: state.String(), Stderr: p.tail.text(), Err: why}
}

// now is for durations and deadlines of real processes, which no fake clock can move.
func now() time.Time { return time.Now() } //nolint:forbidigo // see above
