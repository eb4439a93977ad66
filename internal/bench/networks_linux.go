package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/run"
)

// networks shows what a network of its own costs a jail's start, and how starts of many at once grow with their number.
// All of it is in a network namespace that ends with this function: the host's interfaces are left alone.
func (l *lab) networks(ctx context.Context, out io.Writer, rounds, bulk int) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		before, _ := os.Readlink("/proc/thread-self/ns/net")
		err := unix.Unshare(unix.CLONE_NEWNET)
		if now, _ := os.Readlink("/proc/thread-self/ns/net"); err == nil && now == before {
			err = errors.New("no network namespace of its own")
		}
		if err == nil {
			err = l.connected(ctx, out, rounds, bulk)
		}
		done <- err
	}()
	return <-done
}

// most is how many jails are started at once at most.
const most = 200

// connected is run where there are no interfaces but its own.
func (l *lab) connected(ctx context.Context, out io.Writer, rounds, bulk int) (err error) {
	root := filepath.Join(l.dir, "networks")
	ioc := func(args ...string) []string { return append([]string{l.ioc, "--root", root, "--quiet"}, args...) }
	names := func(kind string, n int) (all []string) {
		for i := range n {
			all = append(all, kind+"-"+strconv.Itoa(i+1))
		}
		return all
	}
	defer func() { err = errors.Join(err, l.do(context.WithoutCancel(ctx), ioc("stop", "--force", "ALL")...)) }()
	for kind, properties := range map[string][]string{
		"alone":     nil,
		"connected": {"vnet=yes", "interfaces=eth0:bench0", "ip4_addr=eth0|auto", "ip6_addr=eth0|auto"},
	} {
		if err := l.do(ctx, ioc(append([]string{"create", "--count", strconv.Itoa(most), kind}, properties...)...)...); err != nil {
			return err
		}
	}

	kinds := []string{"alone", "connected"}
	one := map[string]*row{}
	var turns []func() error
	for _, kind := range kinds {
		one[kind] = &row{contender: &contender{name: kind}}
		turns = append(turns, func() error {
			name := kind + "-1"
			if err := one[kind].time(func() error { return l.do(ctx, ioc("start", name)...) }); err != nil {
				return err
			}
			return l.do(ctx, ioc("stop", "--force", name)...)
		})
	}
	if err := takeTurns(ctx, turns, rounds); err != nil {
		return err
	}
	alone, connected := median(one["alone"].wall), median(one["connected"].wall)
	fmt.Fprintf(out, "\nstart of a jail with a network of its own (bridge, two addresses): %s ms, without %s ms: %.2f times, medians of %d rounds\n",
		ms(connected), ms(alone), float64(connected)/float64(max(1, alone)), rounds)

	type many struct {
		kind   string
		n      int
		row    *row
		events int
	}
	var all []*many
	turns = nil
	for _, n := range []int{10, 50, most} {
		for _, kind := range kinds {
			m := &many{kind, n, &row{contender: &contender{name: kind}}, 0}
			all = append(all, m)
			turns = append(turns, func() error {
				var said counter
				err := m.row.time(func() error {
					argv := append([]string{l.ioc, "--root", root, "--events", "ndjson", "start"}, names(kind, n)...)
					_, err := (&run.Cmd{Argv: argv, Stdout: &said, Linger: time.Nanosecond}).Run(ctx)
					return err
				})
				m.events = int(said)
				if err != nil {
					return err
				}
				return l.do(ctx, ioc(append([]string{"stop", "--force"}, names(kind, n)...)...)...)
			})
		}
	}
	if err := takeTurns(ctx, turns, max(1, bulk)); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nstarted at once by one command, jails of the embedded release: %d rounds, milliseconds\n", max(1, bulk))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "jails\tmedian\tminimum\tper jail\tevents\tevents/s\t")
	for _, m := range all {
		took := median(m.row.wall)
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%.0f\t  %s\n", m.n, ms(took), ms(slices.Min(m.row.wall)), ms(took/time.Duration(m.n)), m.events, float64(m.events)/took.Seconds(), m.kind)
	}
	return w.Flush()
}

// counter counts lines.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(bytes.Count(p, []byte("\n")))
	return len(p), nil
}
