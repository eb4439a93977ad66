package all

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/run"
)

// shell runs lines with the host's shell.
type shell struct{}

// guarded runs the line that is its first argument. Descriptor 3 may be the lock of the journal's slot: the shell around
// the line has it, the line and what it leaves running have not.
const guarded = `/bin/sh -c "$1" 3<&-; exit $?`

// Run runs a line. Its error is short: what the command had to say went to said. If ioc dies meanwhile, the command does,
// and a recovery of the effect that it was run for does not begin before.
func (shell) Run(ctx context.Context, line string, env []string, said func(string)) error {
	c := run.Command("/bin/sh", "-c", guarded, "sh", line)
	c.Dir, c.Env, c.Bare, c.Leash = "/", env, true, true
	if log, ok := events.LogOf(ctx).(interface{ LockFile() *os.File }); ok {
		c.ExtraFiles = []*os.File{log.LockFile()}
	}
	c.Line = func(_ run.Stream, text string) { said(text) }
	_, err := c.Run(ctx)
	failed, ok := errors.AsType[*run.Error](err)
	switch {
	case !ok || failed.Err != nil:
		return err
	case failed.ExitCode >= 0:
		return fmt.Errorf("exit %d", failed.ExitCode)
	default:
		return errors.New(failed.State)
	}
}

// silence runs nothing: in a dry run nothing happens on the host either.
type silence struct{}

func (silence) Run(ctx context.Context, _ string, _ []string, _ func(string)) error { return ctx.Err() }
