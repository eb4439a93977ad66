package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// table is one thing that all who can have done.
type table struct {
	title string
	rows  []*row
}

// row is what one of them took.
type row struct {
	*contender
	what string
	wall []time.Duration
	cpu  []time.Duration // of processes that have ended by then
}

// atOnce is how many jails are started at once.
const atOnce = 50

// measure lets all take turns, round by round, so that what else the machine does hits all alike. In odd
// rounds they come in reverse order: nobody always follows the same one.
func measure(ctx context.Context, l *lab, all []*contender, rounds, bulk int) ([]*table, error) {
	tables := []*table{
		{title: "run /bin/true"},
		{title: "create, start, stop, destroy"},
		{title: strconv.Itoa(atOnce) + " times run /bin/true, all at once"},
		{title: "join: run /bin/true in a jail that runs"},
	}
	add := func(t *table, c *contender, what string, f func() error) func() error {
		r := &row{contender: c, what: what}
		t.rows = append(t.rows, r)
		return func() error { return r.time(f) }
	}
	var turns, bulks []func() error
	for _, c := range all {
		if c.run != nil {
			turns = append(turns, add(tables[0], c, c.runs, func() error { return c.run(ctx, l.id()) }))
			bulks = append(bulks, add(tables[2], c, c.runs, func() error { return l.fifty(ctx, c) }))
		}
		if c.cycle != nil {
			turns = append(turns, add(tables[1], c, c.cycles, func() error { return c.cycle(ctx, l.id()) }))
		}
		if c.join != nil {
			turns = append(turns, add(tables[3], c, c.joins, func() error { return c.join(ctx) }))
		}
	}
	if err := takeTurns(ctx, turns, rounds); err != nil {
		return nil, err
	}
	return tables, takeTurns(ctx, bulks, bulk)
}

func takeTurns(ctx context.Context, turns []func() error, rounds int) error {
	for range rounds {
		slices.Reverse(turns)
		for _, turn := range turns {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := turn(); err != nil {
				return err
			}
		}
	}
	return nil
}

// time adds a sample. A failure ends the bench: it would be faster than success.
func (r *row) time(f func() error) error {
	before, began := cpu(r.inside), time.Now() //nolint:forbidigo // measuring is the purpose
	err := f()
	r.wall = append(r.wall, time.Since(began))
	r.cpu = append(r.cpu, cpu(r.inside)-before)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}

// fifty runs so many at once.
func (l *lab) fifty(ctx context.Context, c *contender) error {
	var group sync.WaitGroup
	var mu sync.Mutex
	var all []error
	for range atOnce {
		id := l.id()
		group.Go(func() {
			if err := c.run(ctx, id); err != nil {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, err)
			}
		})
	}
	group.Wait()
	return errors.Join(all...)
}

// cpu is what the commands that have ended so far have used of the processors, and this process if that counts.
func cpu(inside bool) (used time.Duration) {
	whose := []int{unix.RUSAGE_CHILDREN}
	if inside {
		whose = append(whose, unix.RUSAGE_SELF)
	}
	for _, who := range whose {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			return 0
		}
		used += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return used
}

// median is also that of what is left when as much is cut off at either end.
func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(d))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func processors() int { return runtime.NumCPU() }
