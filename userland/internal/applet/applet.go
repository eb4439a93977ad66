// Package applet is the frame every utility of the userland stands in: a name, its options, its three
// streams, and a Run that leaves nothing behind.
//
// The same applet runs as a process of its own (`ls`) and inside the shell's process (`sh -c ls`). So
// an applet never touches process state: no os.Exit, no os.Chdir, no os.Stdin, no os.Getenv, no signal
// handlers, no package variables. It takes everything from its [Proc] and reports by returning. What
// cannot be written that way (a change of root or user, a full screen) says so with Alone and always
// gets its own process.
//
// The package refuses to know any particular utility, and the shell.
package applet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
)

// Applet is one utility.
type Applet struct {
	Name  string
	Args  string // what follows the name in the usage line, for example "[OPTION]... [FILE]..."
	About string // one line, a sentence
	// Run does the work. A nil error is exit status 0; see [Exit] and [Usage] for the others.
	Run func(ctx context.Context, p *Proc) error
	// Alone says that Run changes or needs the process it runs in. The shell then starts a process.
	Alone bool
}

// Exit is an error that carries an exit status and prints nothing.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Usage is the error of a wrong command line: it is printed with a hint at --help, and the status is 2.
type Usage string

func (u Usage) Error() string { return string(u) }

// Usagef makes a Usage.
func Usagef(format string, args ...any) error { return Usage(fmt.Sprintf(format, args...)) }

// Exit statuses that are not an applet's own choice.
const (
	StatusInternal    = 70  // a bug: the applet panicked
	StatusInterrupted = 130 // 128 + SIGINT
	StatusPipe        = 141 // 128 + SIGPIPE
)

// Exec runs the applet to its end and returns the exit status. It flushes the output, reports the
// error, and turns a panic into a message and a status, so that a bug in one applet never takes the
// shell with it.
func (a Applet) Exec(ctx context.Context, p *Proc) (status int) {
	p.Name, p.applet = a.Name, a
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(p.Stderr, "%s: internal error: %v\n", p.Name, r)
			if p.Getenv("USERLAND_TRACE") != "" {
				p.Stderr.Write(debug.Stack())
			}
			status = StatusInternal
		}
	}()
	err := a.Run(ctx, p)
	if ferr := p.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("write error: %s", Reason(ferr))
		if errors.Is(ferr, syscall.EPIPE) {
			err = ferr
		}
	}
	return p.status(ctx, err)
}

func (p *Proc) status(ctx context.Context, err error) int {
	if ctx.Err() != nil && !errors.As(err, new(Exit)) {
		return StatusInterrupted
	}
	if err == nil {
		if p.failed {
			return 1
		}
		return 0
	}
	if exit, ok := errors.AsType[Exit](err); ok {
		return int(exit)
	}
	if errors.Is(err, errHelp) {
		return 0
	}
	if errors.Is(err, syscall.EPIPE) {
		return StatusPipe
	}
	if usage, ok := errors.AsType[Usage](err); ok {
		fmt.Fprintf(p.Stderr, "%s: %s\nTry '%s --help' for more information.\n", p.Name, usage, p.Name)
		return 2
	}
	fmt.Fprintf(p.Stderr, "%s: %s\n", p.Name, message(err))
	return 1
}

// message is the error's text with the system call left out of a path error: "x: no such file or directory".
func message(err error) string {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Path + ": " + Reason(e.Err)
	case *os.LinkError:
		return e.Old + " -> " + e.New + ": " + Reason(e.Err)
	}
	return err.Error()
}

// Reason is the innermost cause of a file operation's error, without the call and the path around it.
func Reason(err error) string {
	for {
		switch e := err.(type) {
		case *fs.PathError:
			err = e.Err
		case *os.LinkError:
			err = e.Err
		case *os.SyscallError:
			err = e.Err
		default:
			if err == io.ErrUnexpectedEOF {
				return "unexpected end of file"
			}
			return err.Error()
		}
	}
}

// Find looks a name up in a table of applets.
type Find func(name string) (Applet, bool)
