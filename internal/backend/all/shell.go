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

// guarded runs the line that is its first argument, and kills it with all of its process group when whoever has
// the other end of the pipe at descriptor 3 is gone: nobody would hold it to its time any more. Descriptor 4 may be the lock of
// the journal's slot; the line and what it leaves running do not have it.
const guarded = `{ read -r _ <&3; kill -9 0; } >/dev/null 2>&1 & guard=$!
/bin/sh -c "$1" 3<&- 4<&-; status=$?
kill -9 $guard
exit $status`

// Run runs a line. Its error is short: what the command had to say went to said. If ioc dies meanwhile, the command does,
// and a recovery of the effect that it was run for does not begin before.
func (shell) Run(ctx context.Context, line string, env []string, said func(string)) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close() //nolint:errcheck // nothing is written
	defer r.Close() //nolint:errcheck // nothing is read
	c := run.Command("/bin/sh", "-c", guarded, "sh", line)
	c.Dir, c.Env, c.Bare = "/", env, true
	c.ExtraFiles = []*os.File{r}
	if log, ok := events.LogOf(ctx).(interface{ LockFile() *os.File }); ok {
		c.ExtraFiles = append(c.ExtraFiles, log.LockFile())
	}
	c.Line = func(_ run.Stream, text string) { said(text) }
	_, err = c.Run(ctx)
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
