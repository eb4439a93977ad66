package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// What people ask all day is to be answered at once.
const (
	listWithin    = 50 * time.Millisecond // of the wall clock, for a thousand jails
	versionWithin = 15 * time.Millisecond // of a processor
)

// answers shows how long questions take: which ioc is this, and which jails are there, of ten, a hundred and a
// thousand. They take turns, with a program that does nothing as the floor.
func (l *lab) answers(ctx context.Context, out io.Writer, rounds int) error {
	type question struct {
		row   *row
		jails int
		f     func() error
	}
	ask := func(what string, jails int, argv ...string) *question {
		return &question{&row{contender: &contender{name: what}}, jails, func() error { return l.do(ctx, argv...) }}
	}
	floor := ask("fork+exec (a program that does nothing)", 0, "/bin/true")
	version := ask("ioc version", 0, l.ioc, "version")
	all := []*question{floor, version}
	var lists []*question
	for _, n := range []int{10, 100, 1000} {
		root := filepath.Join(l.dir, "list"+strconv.Itoa(n))
		if err := l.do(ctx, l.ioc, "--root", root, "--quiet", "create", "--count", strconv.Itoa(n), "jail"); err != nil {
			return err
		}
		lists = append(lists, ask(fmt.Sprintf("ioc list, %d jails", n), n, l.ioc, "--root", root, "list"))
	}
	all = append(all, lists...)
	var turns []func() error
	for _, q := range all {
		turns = append(turns, func() error { return q.row.time(q.f) })
	}
	if err := takeTurns(ctx, turns, rounds); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nquestions: %d rounds, milliseconds\n", rounds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "median\tminimum\tCPU\tminimum CPU\t")
	for _, q := range all {
		r := q.row
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t  %s\n", ms(median(r.wall)), ms(slices.Min(r.wall)), ms(median(r.cpu)), ms(slices.Min(r.cpu)), r.name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	thousand, hundred := lists[2].row, lists[1].row
	within(out, "ioc version takes", median(version.row.cpu), "of a processor", versionWithin)
	within(out, "ioc list of 1000 jails takes", median(thousand.wall), "", listWithin)
	growth := float64(median(thousand.wall)) / float64(max(1, median(hundred.wall)))
	fmt.Fprintf(out, "  %-6s  ten times as many jails take %.1f times as long to list, at most 10 wanted\n", verdict(growth <= 10), growth)
	return nil
}

func within(out io.Writer, what string, took time.Duration, of string, bar time.Duration) {
	if of != "" {
		of = " " + of
	}
	fmt.Fprintf(out, "  %-6s  %s %s ms%s, at most %s wanted\n", verdict(took <= bar), what, ms(took), of, ms(bar))
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}
