package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// contender is one way to isolate a process. What it cannot do is nil.
type contender struct {
	name    string
	version string
	ours    bool
	inside  bool // this process does it, not one that is started for it

	runs  string // what takes its turn, for people
	run   func(ctx context.Context, id string) error
	cycle func(ctx context.Context, id string) error

	cycles string

	// Join runs a program in a jail that begin has started and end stops.
	joins      string
	begin, end func(ctx context.Context) error
	join       func(ctx context.Context) error

	forget func() error // takes back what setting it up took
	begun  bool
}

// leave ends what begin began, and takes back the rest.
func (c *contender) leave() error {
	var all []error
	if c.begun && c.end != nil {
		all = append(all, c.end(context.Background()))
		c.begun = false
	}
	if c.forget != nil {
		all = append(all, c.forget())
		c.forget = nil
	}
	return errors.Join(all...)
}

// contenders finds those that are installed and tries everything once: that is the warm-up, too. Whoever
// fails in it is left out, with the reason.
func (l *lab) contenders(ctx context.Context, only []string) ([]*contender, error) {
	all, err := l.ours(ctx)
	if err != nil {
		return all, err
	}
	for _, other := range []struct {
		name string
		make func(context.Context) (*contender, error)
	}{
		{"fork+exec", l.forkExec},
		{"unshare", l.unshare},
		{"bwrap", l.bubblewrap},
		{"crun", l.crun},
		{"runc", l.runc},
		{"systemd-nspawn", l.nspawn},
		{"podman", l.podman},
		{"docker", l.docker},
		{"lxc", l.lxc},
		{"lxc-bare", l.bareLXC},
	} {
		if len(only) > 0 && !slices.Contains(only, other.name) {
			continue
		}
		c, err := other.make(ctx)
		if c != nil {
			all = append(all, c)
			err = errors.Join(err, l.try(ctx, c))
		}
		if ctx.Err() != nil {
			return all, context.Cause(ctx)
		}
		if err != nil {
			l.skip(other.name, err)
			if c != nil {
				c.run, c.cycle, c.join = nil, nil, nil
			}
		}
	}
	slices.Sort(l.skipped)
	return all, nil
}

// try does everything once.
func (l *lab) try(ctx context.Context, c *contender) error {
	for range 2 {
		for _, f := range []func(context.Context, string) error{c.run, c.cycle} {
			if f == nil {
				continue
			}
			if err := f(ctx, l.id()); err != nil {
				return err
			}
		}
	}
	if c.join == nil {
		return nil
	}
	if c.begin != nil {
		if err := c.begin(ctx); err != nil {
			return err
		}
	}
	c.begun = true
	return c.join(ctx)
}

// found gives the version of a program that is installed.
func (l *lab) found(ctx context.Context, program string) (version string, err error) {
	version, err = l.output(ctx, program, "--version")
	if errors.Is(err, fault.Unavailable) {
		err = errors.New("not installed")
	}
	return version, err
}

// idle is what runs in a jail that is started and killed: it says when it is there.
var idle = []string{"/bin/sh", "-c", "echo up; exec sleep 1000"} //nolint:gochecknoglobals // constant

// upAndDown starts a command, and ends it as soon as it says that it is there.
func (l *lab) upAndDown(ctx context.Context, polite bool, argv ...string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	up := errors.New("it is up")
	cmd := &run.Cmd{Argv: append(argv, idle...), Linger: time.Nanosecond, Grace: -1}
	if polite {
		cmd.Grace = 0
	}
	cmd.Line = func(from run.Stream, line string) {
		if from == run.Stdout && line == "up" {
			stop(up)
		}
	}
	_, err := cmd.Run(ctx)
	if context.Cause(ctx) == up { //nolint:errorlint // the very one
		return nil
	}
	return err
}
