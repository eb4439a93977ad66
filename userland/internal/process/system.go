//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func trueApplet(_ context.Context, p *applet.Proc) error {
	p.Help("")
	return nil
}

func falseApplet(_ context.Context, p *applet.Proc) error {
	p.Help("")
	return applet.Exit(1)
}

func uname(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	type part struct {
		on   *bool
		text func(*unix.Utsname) string
	}
	field := func(f func(*unix.Utsname) []byte) func(*unix.Utsname) string {
		return func(u *unix.Utsname) string { return unix.ByteSliceToString(f(u)) }
	}
	if p.Name == "arch" {
		if _, err := o.Parse(); err != nil {
			return err
		}
		var u unix.Utsname
		if err := unix.Uname(&u); err != nil {
			return err
		}
		return p.Println(unix.ByteSliceToString(u.Machine[:]))
	}
	all := o.Flag("a all", "print everything")
	parts := []part{
		{o.Flag("s kernel-name", "print the kernel's name (default)"), field(func(u *unix.Utsname) []byte { return u.Sysname[:] })},
		{o.Flag("n nodename", "print the host's name"), field(func(u *unix.Utsname) []byte { return u.Nodename[:] })},
		{o.Flag("r kernel-release", "print the kernel's release"), field(func(u *unix.Utsname) []byte { return u.Release[:] })},
		{o.Flag("v kernel-version", "print the kernel's version"), field(func(u *unix.Utsname) []byte { return u.Version[:] })},
		{o.Flag("m machine", "print the machine's architecture"), field(func(u *unix.Utsname) []byte { return u.Machine[:] })},
		{o.Flag("o operating-system", "print the operating system"), func(*unix.Utsname) string { return "Linux" }},
	}
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return applet.Usagef("unexpected %q", args[0])
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	var words []string
	for _, part := range parts {
		if *part.on || *all {
			words = append(words, part.text(&u))
		}
	}
	if len(words) == 0 {
		words = []string{parts[0].text(&u)}
	}
	return p.Println(strings.Join(words, " "))
}

func hostname(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	short := o.Flag("s short", "print the name up to the first dot")
	domain := o.Flag("d domain", "print what follows the first dot")
	file := o.String("F file", "FILE", "", "set the name that FILE holds")
	o.Ignored("f fqdn")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if *file != "" {
		text, err := os.ReadFile(p.Path(*file))
		if err != nil {
			return err
		}
		args = []string{strings.TrimSpace(string(text))}
	}
	if len(args) == 1 {
		if err := unix.Sethostname([]byte(args[0])); err != nil {
			return fmt.Errorf("set %s: %w", args[0], err)
		}
		return nil
	}
	if len(args) > 1 {
		return applet.Usagef("one name is enough")
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	head, tail, _ := strings.Cut(name, ".")
	if *short {
		name = head
	}
	if *domain {
		name = tail
	}
	return p.Println(name)
}

func nproc(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	all := o.Flag("all", "count all processors of the machine")
	ignore := o.Int("ignore", "N", 0, "print N less, but at least 1")
	if _, err := o.Parse(); err != nil {
		return err
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return err
	}
	n := set.Count()
	if *all {
		if cpus, err := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*"); err == nil && len(cpus) > 0 {
			n = len(cpus)
		}
	}
	p.Printf("%d\n", max(1, n-*ignore))
	return nil
}

func uptime(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	since := o.Flag("s since", "print when the system was started")
	pretty := o.Flag("p pretty", "print only how long")
	if _, err := o.Parse(); err != nil {
		return err
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return err
	}
	up := time.Duration(info.Uptime) * time.Second
	if *since {
		return p.Println(time.Now().Add(-up).Format("2006-01-02 15:04:05"))
	}
	days, hours, minutes := up/(24*time.Hour), up/time.Hour%24, up/time.Minute%60
	if *pretty {
		p.Printf("up %d days, %d hours, %d minutes\n", days, hours, minutes)
		return nil
	}
	text := fmt.Sprintf("%d:%02d", hours, minutes)
	if days > 0 {
		text = fmt.Sprintf("%d days, %s", days, text)
	}
	load := func(i int) float64 { return float64(info.Loads[i]) / 65536 }
	p.Printf(" %s up %s, load average: %.2f, %.2f, %.2f\n", time.Now().Format("15:04:05"), text, load(0), load(1), load(2))
	return nil
}

func free(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	unit := int64(1024)
	set := func(names, help string, n int64) {
		o.Func(names, "", help, func(string) error { unit = n; return nil })
	}
	set("b bytes", "print bytes", 1)
	set("k kibi", "print KiB (default)", 1024)
	set("m mebi", "print MiB", 1<<20)
	set("g gibi", "print GiB", 1<<30)
	human := o.Flag("h human", "print sizes such as 4.5G")
	if _, err := o.Parse(); err != nil {
		return err
	}
	m, err := memory()
	if err != nil {
		return err
	}
	text := func(n int64) string {
		if *human {
			return applet.Human(n)
		}
		return strconv.FormatInt(n/unit, 10)
	}
	cache := m["Buffers"] + m["Cached"] + m["SReclaimable"]
	p.Printf("%-7s %11s %11s %11s %11s %11s %11s\n", "", "total", "used", "free", "shared", "buff/cache", "available")
	p.Printf("%-7s %11s %11s %11s %11s %11s %11s\n", "Mem:", text(m["MemTotal"]), text(m["MemTotal"]-m["MemAvailable"]),
		text(m["MemFree"]), text(m["Shmem"]), text(cache), text(m["MemAvailable"]))
	p.Printf("%-7s %11s %11s %11s\n", "Swap:", text(m["SwapTotal"]), text(m["SwapTotal"]-m["SwapFree"]), text(m["SwapFree"]))
	return nil
}

func dmesg(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	erase := o.Flag("c read-clear", "clear the messages after printing them")
	raw := o.Flag("r raw", "print the levels")
	if _, err := o.Parse(); err != nil {
		return err
	}
	const readAll, readClear, size = 3, 4, 10 // of syslog(2)
	n, err := unix.Klogctl(size, nil)
	if err != nil {
		return fmt.Errorf("kernel messages: %w", err)
	}
	buf := make([]byte, n)
	action := readAll
	if *erase {
		action = readClear
	}
	if n, err = unix.Klogctl(action, buf); err != nil {
		return fmt.Errorf("kernel messages: %w", err)
	}
	for line := range bytes.Lines(buf[:n]) {
		if i := bytes.IndexByte(line, '>'); !*raw && i > 0 && line[0] == '<' {
			line = line[i+1:]
		}
		p.Out().Write(line)
	}
	return nil
}

func sysctl(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	all := o.Flag("a all", "print all settings")
	values := o.Flag("n values", "print values only")
	quiet := o.Flag("e ignore", "do not report unknown names")
	o.Ignored("w write")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	const root = "/proc/sys/"
	show := func(name string) error {
		text, err := os.ReadFile(root + strings.ReplaceAll(name, ".", "/"))
		if err != nil {
			return err
		}
		for line := range strings.Lines(strings.TrimRight(string(text), "\n")) {
			if !*values {
				p.Printf("%s = ", name)
			}
			p.Printf("%s\n", strings.TrimRight(line, "\n"))
		}
		return nil
	}
	if *all {
		return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				show(strings.ReplaceAll(strings.TrimPrefix(path, root), "/", ".")) // what may not be read is left out
			}
			return nil
		})
	}
	if len(args) == 0 {
		return applet.Usagef("a name is needed")
	}
	for _, arg := range args {
		name, value, set := strings.Cut(arg, "=")
		name = strings.ReplaceAll(strings.TrimSpace(name), "/", ".")
		if set {
			err = os.WriteFile(root+strings.ReplaceAll(name, ".", "/"), []byte(strings.TrimSpace(value)+"\n"), 0o644)
		}
		if err == nil {
			err = show(name)
		}
		if err != nil && !(*quiet && errors.Is(err, fs.ErrNotExist)) {
			p.Fail(name, err)
		}
		err = nil
	}
	return nil
}
