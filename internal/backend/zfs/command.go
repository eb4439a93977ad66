package zfs

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// Bounds of commands. A question that takes longer has met a pool that hangs; a change may have to
// free the blocks of a large file system.
const (
	askTimeout    = time.Minute
	changeTimeout = 10 * time.Minute
)

// ask runs zfs for what it prints.
func ask(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return invoke(ctx, run.Command(argv("zfs", args)...))
}

// change runs zfs for what it does.
func change(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	c := run.Command(argv("zfs", args)...)
	c.ExtraFiles = slot(ctx)
	_, err := invoke(ctx, c)
	return err
}

// slot is the lock of the journal's slot, for a command to inherit; empty without a journal on disk.
func slot(ctx context.Context) []*os.File {
	if log, ok := events.LogOf(ctx).(interface{ LockFile() *os.File }); ok {
		return []*os.File{log.LockFile()}
	}
	return nil
}

func invoke(ctx context.Context, c *run.Cmd) (string, error) {
	if f, ok := ctx.Value(traceKey{}).(func([]string)); ok {
		f(c.Argv)
	}
	r, err := c.Run(ctx)
	return string(r.Stdout), classified(err)
}

// argv is the command line of a program of ZFS.
func argv(program string, args []string) []string {
	return append([]string{run.Find(program)}, args...)
}

type traceKey struct{}

// WithTrace calls f for every command that is run with the context, before it is.
func WithTrace(ctx context.Context, f func(argv []string)) context.Context {
	return context.WithValue(ctx, traceKey{}, f)
}

// Patience with what is busy. A file system that was used a moment ago may be held for that moment
// still, by a process that ends or by the kernel itself; after it, it is in use.
const (
	patience      = 5 * time.Second
	purgePatience = 30 * time.Second
)

// persist repeats f while it is refused as busy, for so long.
func persist(ctx context.Context, bound time.Duration, f func() error) error {
	over := time.NewTimer(bound)
	defer over.Stop()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := f()
		if !errors.Is(err, errBusy) {
			return err
		}
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-over.C:
			next.Stop()
			return err
		case <-ctx.Done():
			next.Stop()
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// kindOf is the kind of an error of a file system, too.
func kindOf(err error) fault.Kind {
	if k := fault.KindOf(err); k != fault.Unknown {
		return k
	}
	return systemKind(err)
}
