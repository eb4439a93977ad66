package run

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/libioc/ioc/fault"
)

// ErrTooMuchOutput ends a command that wrote more than Cmd.MaxOutput.
var ErrTooMuchOutput = errors.New("more output than expected")

// ErrStuck is that of a command that did not end when it was killed. The kernel lets nobody go who waits for a file system or
// a device that does not answer.
var ErrStuck = errors.New("killed, and still not gone: what it uses does not answer")

// Error is the failure of a command. errors.Is sees through it to why the command was ended early
// (context.Canceled, ErrTooMuchOutput, a writer's error) or not started (exec.ErrNotFound).
type Error struct {
	Argv     []string
	ExitCode int    // -1: not started, or ended by a signal
	State    string // "exit status 1", "signal: killed"; empty: not started
	Stderr   string // the end of what it wrote there, at most 4 KiB of whole lines
	Err      error  // why it was not started or was ended; nil: it failed by itself
}

// Error reads "zfs list tank: exit status 1: cannot open 'tank': dataset does not exist". The whole
// command line and the whole tail are in the fields; the text is for one line of a screen.
func (e *Error) Error() string {
	parts := []string{shorten(commandLine(e.Argv), 120)}
	switch {
	case e.Err != nil:
		parts = append(parts, e.Err.Error())
	case e.State != "":
		parts = append(parts, e.State)
	}
	if text := strings.Join(strings.Split(strings.TrimSpace(e.Stderr), "\n"), "; "); text != "" {
		parts = append(parts, shorten(text, 300))
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns why the command was ended early or not started.
func (e *Error) Unwrap() error { return e.Err }

// FaultKind is fault.Unavailable for a program that is not installed or got stuck, and Unknown for all else: what
// an exit code means only the caller knows.
func (e *Error) FaultKind() fault.Kind {
	if errors.Is(e.Err, exec.ErrNotFound) || errors.Is(e.Err, ErrStuck) {
		return fault.Unavailable
	}
	return fault.Unknown
}

// shorten cuts text in the middle, because the beginning says what and the end says why.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	half := most / 2
	return fmt.Sprintf("%s ... %s", strings.ToValidUTF8(text[:half], ""), strings.ToValidUTF8(text[len(text)-half:], ""))
}
