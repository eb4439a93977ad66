//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// column is a column of ps.
type column struct {
	name, title string
	right       bool
	text        func(in *info, v *view) string
}

// view is what all lines of one ps have in common.
type view struct {
	names account.Names
	boot  uint64 // ticks since boot
	mem   int64
	now   time.Time
}

func newView() *view {
	v := &view{boot: sinceBoot(), now: time.Now()}
	if m, err := memory(); err == nil {
		v.mem = m["MemTotal"]
	}
	return v
}

func columns() []column {
	itoa := func(f func(*info) int) func(*info, *view) string {
		return func(in *info, _ *view) string { return strconv.Itoa(f(in)) }
	}
	kib := func(f func(*info) int64) func(*info, *view) string {
		return func(in *info, _ *view) string { return strconv.FormatInt(f(in)/1024, 10) }
	}
	return []column{
		{"pid", "PID", true, itoa(func(in *info) int { return in.pid })},
		{"ppid", "PPID", true, itoa(func(in *info) int { return in.ppid })},
		{"pgid", "PGID", true, itoa(func(in *info) int { return in.pgid })},
		{"sid", "SID", true, itoa(func(in *info) int { return in.sid })},
		{"uid", "UID", true, itoa(func(in *info) int { return in.uid })},
		{"gid", "GID", true, itoa(func(in *info) int { return in.gid })},
		{"user", "USER", false, func(in *info, v *view) string { return v.names.UserName(in.uid) }},
		{"group", "GROUP", false, func(in *info, v *view) string { return v.names.GroupName(in.gid) }},
		{"ni", "NI", true, itoa(func(in *info) int { return in.nice })},
		{"pri", "PRI", true, itoa(func(in *info) int { return in.prio })},
		{"nlwp", "NLWP", true, itoa(func(in *info) int { return in.threads })},
		{"vsz", "VSZ", true, kib(func(in *info) int64 { return in.vsize })},
		{"rss", "RSS", true, kib(func(in *info) int64 { return in.rss })},
		{"stat", "STAT", false, func(in *info, _ *view) string { return in.state }},
		{"tty", "TTY", false, func(in *info, _ *view) string { return in.terminal() }},
		{"time", "TIME", true, func(in *info, _ *view) string { return clock((in.utime + in.stime) / ticks) }},
		{"etime", "ELAPSED", true, func(in *info, v *view) string { return elapsed(v.age(in)) }},
		{"stime", "STIME", false, func(in *info, v *view) string { return v.started(in) }},
		{"pcpu", "%CPU", true, func(in *info, v *view) string { return fmt.Sprintf("%.1f", v.cpu(in)) }},
		{"pmem", "%MEM", true, func(in *info, v *view) string { return fmt.Sprintf("%.1f", 100*float64(in.rss)/float64(max(1, v.mem))) }},
		{"comm", "COMMAND", false, func(in *info, _ *view) string { return in.comm }},
		{"args", "COMMAND", false, func(in *info, _ *view) string { return in.command() }},
	}
}

func findColumn(name string) (column, bool) {
	alias := map[string]string{
		"command": "args", "cmd": "args", "ucmd": "comm", "tt": "tty", "tname": "tty", "s": "stat", "state": "stat",
		"nice": "ni", "vsize": "vsz", "rssize": "rss", "%cpu": "pcpu", "%mem": "pmem", "start": "stime", "pgrp": "pgid",
		"sess": "sid", "session": "sid", "euser": "user", "ruser": "user", "uname": "user", "thcount": "nlwp", "cputime": "time",
	}
	if full, ok := alias[name]; ok {
		name = full
	}
	for _, c := range columns() {
		if c.name == name {
			return c, true
		}
	}
	return column{}, false
}

func clock(s uint64) string { return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60) }

func elapsed(s uint64) string {
	switch {
	case s >= 86400:
		return fmt.Sprintf("%d-%s", s/86400, clock(s%86400))
	case s >= 3600:
		return clock(s)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

func (v *view) age(in *info) uint64 { return (max(v.boot, in.start) - in.start) / ticks }

func (v *view) cpu(in *info) float64 {
	return 100 * float64(in.utime+in.stime) / float64(max(1, max(v.boot, in.start)-in.start))
}

func (v *view) started(in *info) string {
	t := v.now.Add(-time.Duration(v.age(in)) * time.Second)
	if v.now.Sub(t) < 24*time.Hour {
		return t.Format("15:04")
	}
	return t.Format("Jan02")
}

func ps(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	every := o.Flag("e", "show all processes")
	o.Func("A", "", "", func(string) error { *every = true; return nil })
	full := o.Flag("f full", "show users, parents, times and command lines")
	long := o.Flag("l", "show states and priorities too")
	fields := o.List("o format", "LIST", "show these columns: pid,ppid,pgid,sid,uid,gid,user,group,ni,pri,nlwp,vsz,rss,\nstat,tty,time,etime,stime,pcpu,pmem,comm,args; NAME=TITLE renames one")
	pids := o.List("p pid", "LIST", "show these processes")
	user := o.String("u user", "USER", "", "show the processes of USER")
	tree := o.Flag("H forest", "indent children under their parents")
	noHead := o.Flag("no-headers", "print no titles")
	wide := o.Flag("w", "do not cut lines")
	o.Note("Without options, the processes on the same terminal are shown. `ps aux` is understood as well.")
	bsd := ""
	if len(p.Args) > 0 && p.Args[0] != "" && strings.Trim(p.Args[0], "auxwfle") == "" {
		bsd = p.Args[0]
		p.Args = p.Args[1:]
	}
	args, err := o.Parse()
	if err != nil {
		return err
	}
	for _, arg := range args {
		if _, err := strconv.Atoi(arg); err != nil {
			return applet.Usagef("%q is not a process", arg)
		}
		*pids = append(*pids, arg)
	}
	all, err := processes()
	if err != nil {
		return err
	}
	names := "pid,tty,time,comm"
	switch {
	case len(*fields) > 0:
		names = strings.Join(*fields, ",")
	case strings.Contains(bsd, "u"):
		names = "user,pid,pcpu,pmem,vsz,rss,tty,stat,stime,time,args"
	case *long:
		names = "stat,uid,pid,ppid,pri,ni,vsz,tty,time,comm"
	case *full:
		names = "user=UID,pid,ppid,stime,tty,time,args"
	case bsd != "":
		names = "pid,tty,stat,time,args"
	}
	cols, err := parseColumns(names)
	if err != nil {
		return err
	}
	v := newView()
	*wide = *wide || strings.Contains(bsd, "w")
	keep, err := v.filter(p, all, *every || strings.ContainsAny(bsd, "ax"), *pids, *user)
	if err != nil {
		return err
	}
	var shown []info
	for _, in := range all {
		if keep(&in) {
			shown = append(shown, in)
		}
	}
	if *tree || strings.Contains(bsd, "f") {
		shown = forest(shown)
	}
	v.print(p, cols, shown, !*noHead, *wide)
	if len(shown) == 0 {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}

func parseColumns(names string) ([]column, error) {
	var cols []column
	for name := range strings.FieldsFuncSeq(names, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, title, renamed := strings.Cut(name, "=")
		c, ok := findColumn(name)
		if !ok {
			return nil, applet.Usagef("unknown column %q", name)
		}
		if renamed {
			c.title = title
		}
		cols = append(cols, c)
	}
	return cols, nil
}

// filter decides which processes are shown.
func (v *view) filter(p *applet.Proc, all []info, every bool, pids []string, user string) (func(*info) bool, error) {
	var wanted []int
	for _, list := range pids {
		for word := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				return nil, applet.Usagef("%q is not a process", word)
			}
			wanted = append(wanted, pid)
		}
	}
	switch {
	case len(wanted) > 0:
		return func(in *info) bool { return slices.Contains(wanted, in.pid) }, nil
	case user != "":
		u, err := v.names.User(user)
		return func(in *info) bool { return in.uid == u.UID }, err
	case every:
		return func(*info) bool { return true }, nil
	}
	uid, tty := os.Geteuid(), 0
	for _, in := range all {
		if in.pid == os.Getpid() {
			tty = in.tty
		}
	}
	if tty == 0 {
		return func(in *info) bool { return in.uid == uid }, nil
	}
	return func(in *info) bool { return in.uid == uid && in.tty == tty }, nil
}

// forest sorts children under their parents and indents their names.
func forest(all []info) []info {
	children := map[int][]info{}
	known := map[int]bool{}
	for _, in := range all {
		known[in.pid] = true
	}
	for _, in := range all {
		parent := in.ppid
		if !known[parent] {
			parent = -1
		}
		children[parent] = append(children[parent], in)
	}
	var out []info
	var add func(pid, depth int)
	add = func(pid, depth int) {
		for _, in := range children[pid] {
			indent := strings.Repeat("  ", depth)
			in.args = append([]string{indent + in.command()}, []string{}...)
			in.comm = indent + in.comm
			out = append(out, in)
			add(in.pid, depth+1)
		}
	}
	add(-1, 0)
	return out
}

func (v *view) print(p *applet.Proc, cols []column, shown []info, head, wide bool) {
	rows := make([][]string, 0, len(shown)+1)
	titles := make([]string, len(cols))
	anyTitle := false
	for i, c := range cols {
		titles[i] = c.title
		anyTitle = anyTitle || c.title != ""
	}
	if head && anyTitle {
		rows = append(rows, titles)
	}
	for i := range shown {
		row := make([]string, len(cols))
		for j, c := range cols {
			row[j] = c.text(&shown[i], v)
		}
		rows = append(rows, row)
	}
	widths := make([]int, len(cols))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	width := 0
	if f := applet.File(p.Stdout); f != nil && !wide {
		if ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			width = int(ws.Col)
		}
	}
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			if cols[i].right {
				line += fmt.Sprintf("%*s ", widths[i], cell)
			} else {
				line += fmt.Sprintf("%-*s ", widths[i], cell)
			}
		}
		line = strings.TrimRight(line, " ")
		if width > 0 && len(line) > width {
			line = line[:width]
		}
		p.Println(line)
	}
}
