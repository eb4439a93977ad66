package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// exitOwn is how exec, console and run end when it was ioc that failed, and not the command: what
// env(1), chroot(8) and timeout(1) use.
const exitOwn = 125

// statusError ends ioc as a command in a jail ended. With an error it is printed.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	return fmt.Sprintf("exit %d", e.status)
}

// Unwrap returns the cause.
func (e *statusError) Unwrap() error { return e.err }

// conclude prints an error and gives the exit code.
func (c *call) conclude(cmd *cobra.Command, err error) int {
	if c.host != nil && c.host.HistoryErr() != nil {
		c.say("ioc: " + oneLine(c.host.HistoryErr().Error()) + ": ioc events will not show this operation, which is not affected otherwise\n")
	}
	if err == nil {
		err = c.written()
	}
	var code int
	status, isStatus := errors.AsType[*statusError](err)
	switch {
	case err == nil:
		return fault.ExitDone
	case isStatus:
		code = status.status
		if status.err == nil {
			return code
		}
	default:
		code = fault.ExitCode(err)
		if runsCommand(cmd) && code != fault.ExitCancelled {
			code = exitOwn
		}
	}
	c.say(c.problem(err))
	return code
}

// runsCommand says that the command's exit code is that of a command in a jail.
func runsCommand(cmd *cobra.Command) bool {
	return cmd != nil && cmd.Annotations[annotationStatus] != ""
}

const annotationStatus = "status" // of a command that passes on a status

// written says whether all of the result was written. That its reader left early is not an error.
func (c *call) written() error {
	err := c.outErr
	if c.ndjson != nil {
		err = errors.Join(err, c.ndjson.Err())
	}
	if err == nil || broken(err) {
		return nil
	}
	return fault.New("write", fault.KindOf(err), "standard output", err)
}

// problem is what is said about an error: the story, what is left behind, and what to do.
func (c *call) problem(err error) string {
	var b strings.Builder
	text := strings.TrimRight(err.Error(), "\n")
	fmt.Fprintf(&b, "ioc: %s\n", strings.ReplaceAll(text, "\n", "\n     "))
	if left, ok := errors.AsType[*residueError](err); ok {
		for _, r := range left.left {
			fmt.Fprintf(&b, "  left behind: %s\n", oneLine(r.String()))
		}
	}
	for _, remedy := range c.remedies(err) {
		fmt.Fprintf(&b, "  %s\n", remedy)
	}
	return b.String()
}

// remedies are the library's, and those that only the command line can give.
func (c *call) remedies(err error) []string {
	all := fault.Remedies(err)
	if _, left := errors.AsType[*residueError](err); left {
		all = append(all, "clear it with: ioc recover"+c.rootFlag())
	}
	if _, newer := errors.AsType[*storage.NewerError](err); newer {
		all = append(all, "ioc snapshot rollback --force destroys the newer ones")
	}
	if len(all) == 0 && (errors.Is(err, fault.NoSpace) || errors.Is(err, syscall.ENOSPC)) {
		all = append(all, "make room there, then try again")
	}
	if len(all) == 0 && errors.Is(err, syscall.EROFS) {
		all = append(all, "mount that file system for writing, then try again")
	}
	if len(all) == 0 && errors.Is(err, fault.NotFound) {
		if near := c.nearestJail(err); near != "" {
			all = append(all, "did you mean "+near+"?")
		}
	}
	return all
}

// rootFlag is what must be added to a suggested command.
func (c *call) rootFlag() string {
	switch {
	case c.rootDir != "":
		return " --root " + c.rootDir
	case c.source != "":
		return " --source " + c.source
	case len(c.named) > 0:
		return " --source " + c.named[0]
	}
	return ""
}

// say writes to standard error. Nobody can be told that it failed.
func (c *call) say(text string) { _, _ = io.WriteString(c.err, text) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var _ fault.Classified = (*residueError)(nil)
