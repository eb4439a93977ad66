// Package run starts host commands.
//
// It owns everything that is easily got wrong there: arguments are a slice and never meet a shell,
// messages come in the C locale, output is bounded or streamed without loss, a cancelled context ends
// the command's whole process group, and a failure is one typed error with the end of what the
// command wrote to its standard error. No other package starts a host command; the architecture test
// sees to it.
//
// It refuses to know what any command means: reading zfs's or mount's messages is the matter of the
// back end that calls them.
//
//	out, err := run.Command("zfs", "list", "-H", "-o", "name").Run(ctx)
package run

import (
	"io"
	"os"
	"strings"
	"time"
)

// Stream says where a line of output came from.
type Stream uint8

// The streams of a command.
const (
	Stdout Stream = 1 + iota
	Stderr
)

// Bounds of what is kept and waited for, where a [Cmd] does not say otherwise.
const (
	DefaultMaxOutput = 16 << 20
	DefaultGrace     = 5 * time.Second
	DefaultLinger    = time.Second

	patience = 10 * time.Second // with a command that was killed

	maxLine = 64 << 10 // a longer line is given to Cmd.Line in pieces of this size
	maxTail = 4 << 10  // of standard error, kept for Error
)

// Cmd is a host command that has not been started. It may be run many times, but not twice at once
// if it has readers or writers. It is a payload of events too: its type is "command.run".
type Cmd struct {
	// Argv is the program and its arguments. A program without a slash is looked up in PATH.
	Argv []string

	// Dir is the working directory; empty: the caller's.
	Dir string

	// Env is added to the caller's environment, as KEY=value. LC_ALL is C whatever it says.
	Env []string

	// Bare leaves out the caller's environment and LC_ALL: Env is all of it.
	Bare bool

	// Stdin is the command's input; nil: empty. An *os.File is given to the command as it is.
	Stdin io.Reader

	// Stdout takes the command's output; nil: it goes to Line, or without Line to Result.Stdout. An
	// *os.File is given to the command as it is; other writers are called on another goroutine.
	Stdout io.Writer

	// Line, if not nil, is called for every line of standard output (unless Stdout takes it) and of
	// standard error, without its newline, as soon as it is complete. It is called on the goroutine
	// that called Run, so it may yield events; the command waits for it when its pipes are full, and
	// no line is dropped. The order is kept within a stream, not between the two. A line of more than
	// 64 KiB comes in pieces; a last line needs no newline.
	Line func(from Stream, line string)

	// ExtraFiles become descriptors 3, 4, ... of the command. A helper that must be gone before its
	// starter counts as dead inherits the starter's lock this way.
	ExtraFiles []*os.File

	// Leash ends the command's process group also when its starter is killed: nobody would hear of it any
	// more. It takes a shell, which waits beside the command for the starter's end.
	Leash bool

	// MaxOutput bounds Result.Stdout. A command that writes more is ended and fails with
	// ErrTooMuchOutput: a truncated list must not pass for a whole one. 0: DefaultMaxOutput.
	MaxOutput int

	// Grace is the time between the polite signal to the process group and the certain one, after the
	// context was cancelled. 0: DefaultGrace; negative: none.
	Grace time.Duration

	// Linger is how long silence is waited out on pipes that a process left by the command still
	// holds open, after the command itself has ended. 0: DefaultLinger.
	Linger time.Duration
}

// Result is what a command left. It is valid after an error too, as far as the command came.
type Result struct {
	Stdout   []byte
	ExitCode int           // -1: not started, or ended by a signal
	Duration time.Duration // from start to the end of output
}

// Command returns the Cmd of a program and its arguments.
func Command(argv ...string) *Cmd { return &Cmd{Argv: argv} }

// EventType is "command.run".
func (c *Cmd) EventType() string { return "command.run" }

// EventTitle is the command line, for people: arguments with blanks or quotes in them are quoted.
func (c *Cmd) EventTitle() string { return commandLine(c.Argv) }

func (c *Cmd) maxOutput() int { return positive(c.MaxOutput, DefaultMaxOutput) }

func (c *Cmd) linger() time.Duration { return positive(c.Linger, DefaultLinger) }

func (c *Cmd) grace() time.Duration {
	if c.Grace < 0 {
		return 0
	}
	return positive(c.Grace, DefaultGrace)
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// String returns the name of the stream.
func (s Stream) String() string {
	if s == Stderr {
		return "stderr"
	}
	return "stdout"
}

// commandLine joins argv so that a shell would read it as the same words.
func commandLine(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words[i] = a
	}
	return strings.Join(words, " ")
}
