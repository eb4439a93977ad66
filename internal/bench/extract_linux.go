package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// packings are the ways an archive is compressed, each by a program that may be missing.
func packings() []struct{ name, ext, sh string } {
	return []struct{ name, ext, sh string }{
		{"not compressed", "", ""},
		{"gzip", ".gz", "gzip -c"},
		{"zstd", ".zst", "zstd -q -c"},
		{"xz, one block", ".xz", "xz -1 -T1 -c"},
		{"xz, several blocks", ".blocks.xz", "xz -1 -T2 --block-size=16MiB -c"},
	}
}

// extract compares how long it takes to get the root file system from an archive: by ioc, by tar, and by tar when
// what it wrote shall survive a power cut, as a release does. Each writes to a new directory, and all stay until the end: a
// file system that has just deleted thousands of files is slow to make new ones.
func (l *lab) extract(ctx context.Context, out io.Writer, rounds int) error {
	dir := l.path("extract")
	plain := filepath.Join(dir, "root.tar")
	if err := l.do(ctx, "tar", "-cf", plain, "-C", l.root, "."); err != nil {
		return err
	}
	var tables []*table
	var turns []func() error
	for _, p := range packings() {
		archive := plain + p.ext
		if p.sh != "" {
			if err := l.do(ctx, "sh", "-c", p.sh+` <"$1" >"$2"`, "sh", plain, archive); err != nil {
				fmt.Fprintf(out, "left out: an archive by %s: %v\n", p.sh, err)
				continue
			}
		}
		t := &table{title: "extract an archive, " + p.name}
		tables = append(tables, t)
		for _, c := range l.unpackers(dir, archive) {
			r := &row{contender: c, what: c.runs}
			t.rows = append(t.rows, r)
			turns = append(turns, func() error {
				unix.Sync() // what others have written is not this one's to wait for
				return r.time(func() error { return c.run(ctx, l.id()) })
			})
		}
	}
	if err := takeTurns(ctx, turns, rounds); err != nil {
		return err
	}
	for _, t := range tables {
		t.print(out)
		for _, r := range t.rows[1:] {
			times := r.times(t.base())
			fmt.Fprintf(out, "  %-6s  %s takes %.2f times as long as ioc, at least 1 wanted\n", verdict(times >= 1), r.name, times)
		}
	}
	if info, err := os.Stat(plain); err == nil {
		fmt.Fprintf(out, "  the archive has %s bytes\n", strconv.FormatInt(info.Size(), 10))
	}
	return nil
}

func (l *lab) unpackers(dir, archive string) []*contender {
	untar := func(then ...string) func(ctx context.Context, id string) error {
		return func(ctx context.Context, id string) error {
			to := filepath.Join(dir, id)
			if err := os.Mkdir(to, 0o755); err != nil {
				return err
			}
			if err := l.do(ctx, "tar", "--numeric-owner", "-xpf", archive, "-C", to); err != nil || then == nil {
				return err
			}
			return l.do(ctx, append(then, to)...)
		}
	}
	return []*contender{
		{name: "ioc", ours: true, runs: "ioc fetch --from-tar, with events, journal, digest and sync", run: func(ctx context.Context, id string) error {
			return l.do(ctx, l.ioc, "--root", filepath.Join(dir, "ioc"), "--quiet", "fetch", "--from-tar", archive, id)
		}},
		{name: "tar -x", run: untar()},
		{name: "tar -x, then sync -f", run: untar("sync", "-f")},
	}
}
