package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	ioc    string // the program that is compared
	goTool string // runs the benchmarks of the packages; empty: they are left out
	match  string // which of those, and which parts of the rest
	root   string // a root file system to use instead of one that is made
	dir    string // where the work directory is made
	rounds int
	bulk   int // rounds of fifty at once
	unpack int // rounds of extracting archives
	only   string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childFlag {
		os.Exit(child(os.Args[2:]))
	}
	os.Exit(parent())
}

// parent puts the bench itself into a mount namespace of its own and waits for it.
func parent() int {
	var o options
	flag.StringVar(&o.ioc, "ioc", "bin/ioc", "the ioc `PROGRAM`")
	flag.StringVar(&o.goTool, "go", "", "also run the benchmarks of events and journal, with this go `COMMAND`")
	flag.StringVar(&o.match, "match", ".", "only what this `REGEXP` matches: benchmarks by their names, and Runtimes, Questions, Extract, Networks, ZFS")
	flag.StringVar(&o.root, "rootfs", "", "use this root file system `TAR`, not a new one")
	flag.StringVar(&o.dir, "dir", "", "work below this `DIR`; an overlay must be possible there")
	flag.IntVar(&o.rounds, "rounds", 20, "rounds of every program")
	flag.IntVar(&o.bulk, "bulk", 5, "rounds of fifty at once; 0: none")
	flag.IntVar(&o.unpack, "unpack", 3, "rounds of extracting an archive; all that is extracted stays until the end")
	flag.StringVar(&o.only, "only", "", "only these programs, separated by commas; ioc is always there")
	flag.Parse()

	if os.Getenv(stageVariable) == "" { //nolint:forbidigo // the outermost ring, talking to itself
		code, err := enclose()
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := bench(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func bench(ctx context.Context, out io.Writer, o options) (err error) {
	match, err := regexp.Compile(o.match)
	if err != nil {
		return err
	}
	if o.goTool != "" {
		if err := packages(ctx, out, o.goTool, o.match); err != nil {
			return err
		}
	}
	var parts []string
	for _, part := range []string{"Runtimes", "Questions", "Extract", "Networks", "ZFS"} {
		if match.MatchString(part) {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(out, "\nruntimes: left out, most of them can be compared as root only")
		return nil
	}
	l, err := newLab(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.remove()) }()
	if !slices.ContainsFunc(parts, func(part string) bool { return part != "Networks" && part != "ZFS" }) {
		l.rootIs = "the embedded release" // as always in those parts
	} else if err := l.makeRoot(ctx, o.root); err != nil {
		return err
	}
	if !slices.Contains(parts, "Runtimes") {
		header(out, l, nil)
	}
	for _, part := range parts {
		if err := map[string]func() error{
			"Runtimes":  func() error { return l.runtimes(ctx, out, o) },
			"Questions": func() error { return l.answers(ctx, out, o.rounds) },
			"Extract":   func() error { return l.extract(ctx, out, o.unpack) },
			"Networks":  func() error { return l.networks(ctx, out, o.rounds, o.bulk) },
			"ZFS":       func() error { return l.besideZFS(ctx, out, o.rounds) },
		}[part](); err != nil {
			return err
		}
	}
	footer(out, l)
	return nil
}

// runtimes compares ioc with the others that are installed, and shows what one of its jails keeps in memory.
func (l *lab) runtimes(ctx context.Context, out io.Writer, o options) (err error) {
	all, err := l.contenders(ctx, words(o.only))
	defer func() {
		for _, c := range all {
			err = errors.Join(err, c.leave())
		}
	}()
	if err != nil {
		return err
	}
	header(out, l, all)
	results, err := measure(ctx, l, all, o.rounds, o.bulk)
	if err != nil {
		return err
	}
	for _, t := range results {
		t.print(out)
	}
	bars(out, results)
	return l.memory(ctx, out)
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
