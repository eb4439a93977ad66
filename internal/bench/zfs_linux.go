package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
	"github.com/libioc/ioc/internal/run"
)

// atMost is how many times as long as the bare commands ioc may take on a pool.
const atMost = 1.15

// besideZFS compares ioc with the zfs command, on a pool of a zfs-fuse of its own: in another process, which can have a mount
// namespace for that.
func (l *lab) besideZFS(ctx context.Context, out io.Writer, rounds int) error {
	if missing := scratch.Missing(); missing != "" {
		fmt.Fprintln(out, "\nZFS: left out:", missing)
		return nil
	}
	_, err := (&run.Cmd{Argv: []string{l.self, childFlag, "zfs", l.ioc, strconv.Itoa(rounds)}, Stdout: out, Linger: time.Nanosecond}).Run(ctx)
	return err
}

// way is one way to do the same.
type way struct {
	*row
	do, clean func() error
}

// onPool is that other process.
func onPool(ctx context.Context, program, rounds string) error {
	scratch.Enter()
	n, err := strconv.Atoi(rounds)
	if err != nil {
		return err
	}
	pool, err := scratch.Serve()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	do := func(argv ...string) error {
		_, err := (&run.Cmd{Argv: argv, Linger: time.Nanosecond}).Run(ctx)
		return err
	}
	again := func(argv ...string) error { // busy, because it was used a moment ago
		err := do(argv...)
		for try := 0; err != nil && try < 100 && ctx.Err() == nil; try++ {
			err = do(argv...)
		}
		return err
	}
	root := pool + "/bench"
	command := func(args ...string) func() error {
		return func() error { return do(append([]string{program, "--root", root, "--quiet"}, args...)...) }
	}
	zfs := func(args ...string) func() error {
		return func() error { return again(append([]string{"zfs"}, args...)...) }
	}
	umount := func(dirs ...string) func() error {
		return func() error { return again(append([]string{"umount"}, dirs...)...) }
	}
	bare, at := root+"/jails/bare", filepath.Join(dir, "jails/bare")
	origin := root + "/releases/embedded/root@p0"
	if err := steps(
		zfs("create", "-o", "mountpoint="+dir, root), command("create", "web"), zfs("create", "-o", "mountpoint=none", root+"/bin"),
	)(); err != nil {
		return err
	}
	host, err := ioc.Open(ctx, ioc.Options{Root: root})
	if err != nil {
		return err
	}
	named := func(name string) *row { return &row{contender: &contender{name: name}} }
	if err := compareWays(ctx, "clone and destroy", n, []way{
		{named("ioc (create, destroy: 2 commands)"), steps(command("create", "x"), command("destroy", "--yes", "x")), nil},
		{
			named("ioc (the same by the library)"),
			steps(
				func() error { return host.Jail("x").Create(ctx, ioc.CreateOptions{}) },
				func() error { return host.Jail("x").Destroy(ctx, ioc.DestroyOptions{}) },
			), nil,
		},
		{
			named("zfs: the same, which can be undone until the end"),
			steps(zfs("create", bare), zfs("clone", origin, bare+"/root"), umount(at+"/root", at), zfs("rename", bare, root+"/bin/x"), zfs("destroy", "-r", root+"/bin/x")), nil,
		},
		{
			named("zfs: create, clone, umount, destroy"),
			steps(zfs("create", bare), zfs("clone", origin, bare+"/root"), umount(at+"/root", at), zfs("destroy", "-r", bare)), nil,
		},
	}); err != nil {
		return err
	}
	if err := steps(zfs("create", bare), zfs("clone", origin, bare+"/root"))(); err != nil {
		return err
	}
	return compareWays(ctx, "snapshot and rollback", n, []way{
		{
			named("ioc (snapshot create, snapshot rollback: 2 commands)"),
			steps(command("snapshot", "create", "web@s"), command("snapshot", "rollback", "web@s")), command("snapshot", "remove", "web@s"),
		},
		{
			named("ioc (the same by the library)"),
			steps(
				func() error { _, err := host.Jail("web").Snapshot(ctx, "s"); return err },
				func() error { return host.Jail("web").Rollback(ctx, "s", ioc.RollbackOptions{}) },
			),
			func() error { return host.Jail("web").DestroySnapshot(ctx, "s") },
		},
		{
			named("zfs: the same, which can be undone until the end"),
			steps(
				zfs("snapshot", bare+"/root@s"), umount(at+"/root"), zfs("rename", bare+"/root", bare+"/old"), zfs("clone", bare+"/old@s", bare+"/root"),
				zfs("promote", bare+"/root"), zfs("destroy", "-r", bare+"/old"),
			),
			zfs("destroy", bare+"/root@s"),
		},
		{
			named("zfs: snapshot, rollback"),
			steps(zfs("snapshot", bare+"/root@s"), zfs("rollback", bare+"/root@s")), zfs("destroy", bare+"/root@s"),
		},
	})
}

// steps are done one after the other.
func steps(all ...func() error) func() error {
	return func() error {
		for _, f := range all {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}

// compareWays measures the ways in turn, and holds ioc's against the others.
func compareWays(ctx context.Context, title string, rounds int, ways []way) error {
	var turns []func() error
	t := &table{title: "on ZFS (zfs-fuse, the pool in memory): " + title}
	for _, w := range ways {
		t.rows = append(t.rows, w.row)
		turns = append(turns, func() error {
			err := w.time(w.do)
			if err == nil && w.clean != nil {
				err = w.clean()
			}
			return err
		})
	}
	t.rows[0].ours = true
	if err := takeTurns(ctx, turns, 2); err != nil { // before it counts
		return err
	}
	for _, r := range t.rows {
		r.wall, r.cpu = nil, nil
	}
	if err := takeTurns(ctx, turns, rounds); err != nil {
		return err
	}
	t.print(os.Stdout)
	last := len(t.rows) - 1
	for _, r := range t.rows[:last-1] {
		bare, undoable := t.rows[last].times(r), t.rows[last-1].times(r)
		fmt.Fprintf(os.Stdout, "  %-6s  %s by %s takes %.2f times as long as the bare commands, at most %g wanted; %.2f times as long as those that can be undone\n",
			verdict(1/bare <= atMost), title, r.name, 1/bare, atMost, 1/undoable)
	}
	return nil
}
