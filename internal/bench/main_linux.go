package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	ioc    string // the program that is compared
	goTool string // runs the benchmarks of the packages; empty: they are left out
	match  string // of those, which
	root   string // a root file system to use instead of one that is made
	dir    string // where the work directory is made
	rounds int
	bulk   int // rounds of fifty at once
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
	flag.StringVar(&o.match, "match", ".", "of those, the ones that this `REGEXP` matches")
	flag.StringVar(&o.root, "rootfs", "", "use this root file system `TAR`, not a new one")
	flag.StringVar(&o.dir, "dir", "", "work below this `DIR`; an overlay must be possible there")
	flag.IntVar(&o.rounds, "rounds", 20, "rounds of every program")
	flag.IntVar(&o.bulk, "bulk", 5, "rounds of fifty at once; 0: none")
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
	if o.goTool != "" {
		if err := packages(ctx, out, o.goTool, o.match); err != nil {
			return err
		}
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
	if err := l.makeRoot(ctx, o.root); err != nil {
		return err
	}
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
	if err := l.answers(ctx, out, o.rounds); err != nil {
		return err
	}
	if err := l.memory(ctx, out); err != nil {
		return err
	}
	footer(out, l)
	return nil
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
