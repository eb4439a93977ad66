package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/libioc/ioc/internal/run"
)

// packages runs the benchmarks of the event core and its journal, three times each, and shows the
// medians.
func packages(ctx context.Context, out io.Writer, goTool, match string) error {
	type result struct{ ns, bytes, allocs []float64 }
	var order []string
	all := map[string]*result{}
	pkg := ""
	cmd := &run.Cmd{Argv: []string{
		goTool, "test", "-run", "^$", "-bench", match, "-benchmem", "-count", "3", "-benchtime", "200ms", "./events", "./journal",
	}}
	var other []string
	cmd.Line = func(_ run.Stream, line string) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == "pkg:" {
			pkg = f[1][strings.LastIndexByte(f[1], '/')+1:]
		}
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			other = append(other, line)
			return
		}
		name := pkg + " " + strings.TrimPrefix(f[0], "Benchmark")
		r := all[name]
		if r == nil {
			r = &result{}
			all[name], order = r, append(order, name)
		}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				continue
			}
			switch f[i+1] {
			case "ns/op":
				r.ns = append(r.ns, v)
			case "B/op":
				r.bytes = append(r.bytes, v)
			case "allocs/op":
				r.allocs = append(r.allocs, v)
			}
		}
	}
	if _, err := cmd.Run(ctx); err != nil {
		for _, line := range other {
			fmt.Fprintln(out, line)
		}
		return err
	}
	middle := func(v []float64) float64 {
		if len(v) == 0 {
			return 0
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	if len(order) == 0 {
		return nil
	}
	fmt.Fprintln(out, "benchmarks of events and journal: medians of 3")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ns/op\tB/op\tallocs/op\t")
	for _, name := range order {
		r := all[name]
		fmt.Fprintf(w, "%.4g\t%.0f\t%.0f\t  %s\n", middle(r.ns), middle(r.bytes), middle(r.allocs), name)
	}
	return w.Flush()
}
