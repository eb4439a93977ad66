package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// header says what is compared, and where.
func header(out io.Writer, l *lab, all []*contender) {
	var u unix.Utsname
	kernel := "unknown"
	if unix.Uname(&u) == nil {
		kernel = unix.ByteSliceToString(u.Release[:])
	}
	var fs unix.Statfs_t
	kind := "unknown"
	if unix.Statfs(l.dir, &fs) == nil {
		kind = fmt.Sprintf("%#x", fs.Type)
		if name, ok := map[int64]string{0xef53: "ext4", 0x01021994: "tmpfs", 0x9123683e: "btrfs", 0x58465342: "xfs", 0x794c7630: "overlay"}[int64(fs.Type)]; ok {
			kind = name
		}
	}
	fmt.Fprintf(out, "\n%s, Linux %s, %d processors, load average %s\n", l.began.UTC().Format("2006-01-02 15:04 MST"), kernel, processors(), l.load)
	fmt.Fprintf(out, "root file system of all: %s, on %s\n", l.rootIs, kind)
	var versions []string
	for _, c := range all {
		if c.version != "" && !slices.Contains(versions, c.version) {
			versions = append(versions, c.version)
		}
	}
	if len(versions) > 0 {
		fmt.Fprintf(out, "compared: %s\n", strings.Join(versions, "; "))
	}
	for _, s := range l.skipped {
		fmt.Fprintln(out, "left out:", s)
	}
}

// footer says what the machine did at the end.
func footer(out io.Writer, l *lab) {
	fmt.Fprintf(out, "\nload average when it began %s, now %s\n", l.load, load())
}

// base is the row that the others are compared with: ioc's first.
func (t *table) base() *row {
	if i := slices.IndexFunc(t.rows, func(r *row) bool { return r.ours }); i >= 0 {
		return t.rows[i]
	}
	return nil
}

// print shows milliseconds, and each one's median as a multiple of ioc's.
func (t *table) print(out io.Writer) {
	base := t.base()
	if base == nil || len(base.wall) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s: %d rounds, milliseconds\n", t.title, len(base.wall))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "median\tminimum\tCPU\ttimes ioc\t")
	for _, r := range t.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t  %s\n", ms(median(r.wall)), ms(slices.Min(r.wall)), ms(median(r.cpu)), r.times(base), r.label())
	}
	_ = w.Flush() // a table that cannot be written has nobody to read it
}

func (r *row) label() string {
	if r.what == "" {
		return r.name
	}
	return r.name + " (" + r.what + ")"
}

// times is how often base's median goes into this one's.
func (r *row) times(base *row) float64 {
	return float64(median(r.wall)) / float64(max(1, median(base.wall)))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

// floor says why nobody can be so many times as fast as r: a process in namespaces of its own, without a mount, a
// filter or a cgroup, takes longer. It is empty if that is not so.
func (t *table) floor(r *row, times float64) string {
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.name == "unshare" && len(r.wall) > 0 })
	if i < 0 || float64(median(t.rows[i].wall))*times < float64(median(r.wall)) {
		return ""
	}
	return fmt.Sprintf("; not reachable: namespaces alone (%s) take %s ms, more than a part in %g of its %s",
		t.rows[i].name, ms(median(t.rows[i].wall)), times, ms(median(r.wall)))
}

// bars says which of the promises hold in this run.
func bars(out io.Writer, tables []*table) {
	fmt.Fprintln(out, "\nbars, by medians:")
	check := func(t *table, name string, least float64) {
		for _, base := range t.rows {
			if !base.ours {
				continue
			}
			for _, r := range t.rows {
				if r.name != name || len(r.wall) == 0 || len(base.wall) == 0 {
					continue
				}
				met, why := r.times(base) >= least, ""
				if !met {
					why = t.floor(r, least)
				}
				fmt.Fprintf(out, "  %-6s  %s: %s takes %.2f times as long as %s, at least %g wanted%s\n",
					verdict(met), t.title, name, r.times(base), base.label(), least, why)
			}
		}
	}
	run, cycle, bulk, join := tables[0], tables[1], tables[2], tables[3]
	for _, t := range []*table{run, cycle, bulk} {
		check(t, "crun", 1)
	}
	check(run, "systemd-nspawn", 5)
	for _, name := range []string{"podman", "docker", "lxc", "lxc-bare"} {
		check(run, name, 10)
	}
	check(join, "crun", 2)
}
