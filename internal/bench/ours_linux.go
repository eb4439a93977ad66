package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/libioc/ioc"
)

// iocRoot is where ioc keeps the jails of the bench.
func (l *lab) iocRoot() string { return filepath.Join(l.dir, "ioc") }

// iocDo runs a command of ioc's.
func (l *lab) iocDo(ctx context.Context, args ...string) error {
	return l.do(ctx, append([]string{l.ioc, "--root", l.iocRoot(), "--quiet"}, args...)...)
}

// childDo runs a program that uses the library: this one.
func (l *lab) childDo(ctx context.Context, args ...string) error {
	return l.do(ctx, append([]string{l.self, childFlag}, args...)...)
}

// held is the jail that is there while others are measured.
const held = "held"

// ours are the ways to use ioc. The first one of each column is what the others are compared with.
func (l *lab) ours(ctx context.Context) ([]*contender, error) {
	create := func(id string) []string {
		if l.archive == "" {
			return []string{"create", id}
		}
		return []string{"create", "--release", release, id}
	}
	version, err := l.output(ctx, l.ioc, "version")
	if err != nil {
		return nil, err
	}
	one := l.path("one")
	runtime := &contender{
		name: "ioc", version: version, ours: true, runs: "a jail for one program, with events and journal",
		run: func(ctx context.Context, id string) error {
			return l.childDo(ctx, "run", l.root, one, l.group, id)
		},
		cycles: "create, start, stop, destroy: 4 commands",
		cycle: func(ctx context.Context, id string) error {
			return errors.Join(
				l.iocDo(ctx, create(id)...), l.iocDo(ctx, "start", id), l.iocDo(ctx, "stop", id), l.iocDo(ctx, "destroy", "--yes", id),
			)
		},
		joins: "ioc exec",
		begin: func(ctx context.Context) error {
			return errors.Join(l.iocDo(ctx, create(held)...), l.iocDo(ctx, "start", held))
		},
		end:  func(ctx context.Context) error { return l.iocDo(ctx, "destroy", "--force", held) },
		join: func(ctx context.Context) error { return l.iocDo(ctx, "exec", held, "/bin/true") },
	}
	library := &contender{
		name: "ioc", ours: true,
		cycles: "the same by the library: 1 program",
		cycle: func(ctx context.Context, id string) error {
			return l.childDo(ctx, "cycle", l.iocRoot(), id, l.releaseName())
		},
		joins: "the same by the library",
		join:  func(ctx context.Context) error { return l.childDo(ctx, "exec", l.iocRoot(), held) },
	}
	host, err := ioc.Open(ctx, ioc.Options{Root: l.iocRoot()})
	if err != nil {
		return nil, err
	}
	running := &contender{
		name: "ioc", ours: true, inside: true,
		cycles: "the same by the library, in a program that runs: this one",
		cycle:  func(ctx context.Context, id string) error { return cycle(ctx, host, id, l.releaseName()) },
		joins:  "the same by the library, in a program that runs: this one",
		join:   func(ctx context.Context) error { return join(ctx, host, held) },
	}
	all := []*contender{runtime, library, running}
	for _, c := range all {
		if err := l.try(ctx, c); err != nil {
			return all, fmt.Errorf("ioc: %w", err)
		}
	}
	return all, nil
}

// releaseName is what the library is told; empty: its default.
func (l *lab) releaseName() string {
	if l.archive == "" {
		return ""
	}
	return release
}
