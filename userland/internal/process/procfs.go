//go:build linux

package process

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// info is what /proc tells about a process.
type info struct {
	pid, ppid, pgid, sid int
	tty                  int
	state                string
	comm                 string
	args                 []string
	uid, gid             int
	utime, stime, start  uint64 // in clock ticks
	nice, prio, threads  int
	vsize, rss           int64 // in bytes
}

// ticks is USER_HZ, which the kernel fixes at 100 for every architecture that Go runs on.
const ticks = 100

// processes lists what /proc shows. A process that ends meanwhile is left out.
func processes() ([]info, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []info
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if in, err := process(pid); err == nil {
				all = append(all, in)
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("/proc is not mounted")
	}
	slices.SortFunc(all, func(a, b info) int { return a.pid - b.pid })
	return all, nil
}

func process(pid int) (in info, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	fi, err := os.Stat(dir)
	if err != nil {
		return in, err
	}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return in, err
	}
	// The name is in parentheses and may hold any character, even a parenthesis.
	text := string(stat)
	from, to := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return in, fmt.Errorf("%s/stat: unknown format", dir)
	}
	f := strings.Fields(text[to+1:])
	if len(f) < 22 {
		return in, fmt.Errorf("%s/stat: unknown format", dir)
	}
	num := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
	st := fi.Sys().(*syscall.Stat_t)
	in = info{
		pid: pid, comm: text[from+1 : to], state: f[0], uid: int(st.Uid), gid: int(st.Gid),
		ppid: int(num(1)), pgid: int(num(2)), sid: int(num(3)), tty: int(num(4)),
		utime: uint64(num(11)), stime: uint64(num(12)), prio: int(num(15)), nice: int(num(16)), threads: int(num(17)),
		start: uint64(num(19)), vsize: num(20), rss: num(21) * int64(os.Getpagesize()),
	}
	if line, err := os.ReadFile(dir + "/cmdline"); err == nil && len(line) > 0 {
		in.args = strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	}
	return in, nil
}

// command is the command line, or the name in brackets if there is none.
func (in *info) command() string {
	if len(in.args) == 0 {
		return "[" + in.comm + "]"
	}
	return strings.Map(func(r rune) rune {
		if r < 32 {
			return ' '
		}
		return r
	}, strings.Join(in.args, " "))
}

// name is the full name of the program: comm is cut after 15 characters.
func (in *info) name() string {
	if len(in.args) > 0 {
		base := in.args[0][strings.LastIndexByte(in.args[0], '/')+1:]
		if len(in.comm) == 15 && strings.HasPrefix(base, in.comm) {
			return base
		}
	}
	return in.comm
}

// terminal is the name of the controlling terminal.
func (in *info) terminal() string {
	major, minor := in.tty>>8&0xfff, in.tty&0xff|in.tty>>12&0xfff00
	switch {
	case in.tty == 0:
		return "?"
	case major >= 136 && major < 144:
		return "pts/" + strconv.Itoa((major-136)<<20|minor)
	case major == 4 && minor < 64:
		return "tty" + strconv.Itoa(minor)
	case major == 4:
		return "ttyS" + strconv.Itoa(minor-64)
	case major == 5 && minor == 1:
		return "console"
	}
	return fmt.Sprintf("%d:%d", major, minor)
}

// sinceBoot is the time since the system booted, in ticks.
func sinceBoot() uint64 {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	word, _, _ := strings.Cut(string(text), " ")
	s, _ := strconv.ParseFloat(word, 64)
	return uint64(s * ticks)
}

// memory reads /proc/meminfo, in bytes.
func memory() (map[string]int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	m := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		if f := strings.Fields(rest); len(f) > 0 {
			n, _ := strconv.ParseInt(f[0], 10, 64)
			m[name] = n * 1024
		}
	}
	return m, nil
}
