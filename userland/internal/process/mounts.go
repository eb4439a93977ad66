//go:build linux

package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// mountLine is a line of /proc/self/mounts or /etc/fstab.
type mountLine struct{ source, dir, kind, options string }

func readMounts(path string) ([]mountLine, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var all []mountLine
	for s := bufio.NewScanner(f); s.Scan(); {
		w := strings.Fields(s.Text())
		if len(w) < 4 || w[0][0] == '#' {
			continue
		}
		all = append(all, mountLine{unescape.Replace(w[0]), unescape.Replace(w[1]), w[2], w[3]})
	}
	return all, nil
}

// mountFlag is a word of -o that is a flag of mount(2), or the absence of one.
func mountFlag(word string) (set, clear uintptr, ok bool) {
	flags := map[string]uintptr{
		"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
		"sync": unix.MS_SYNCHRONOUS, "remount": unix.MS_REMOUNT, "dirsync": unix.MS_DIRSYNC, "noatime": unix.MS_NOATIME,
		"nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME, "strictatime": unix.MS_STRICTATIME,
		"bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC, "move": unix.MS_MOVE, "silent": unix.MS_SILENT,
		"shared": unix.MS_SHARED, "private": unix.MS_PRIVATE, "slave": unix.MS_SLAVE, "unbindable": unix.MS_UNBINDABLE,
		"rshared": unix.MS_SHARED | unix.MS_REC, "rprivate": unix.MS_PRIVATE | unix.MS_REC,
		"rslave": unix.MS_SLAVE | unix.MS_REC, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
	}
	if f, ok := flags[word]; ok {
		return f, 0, true
	}
	opposite := map[string]uintptr{
		"rw": unix.MS_RDONLY, "suid": unix.MS_NOSUID, "dev": unix.MS_NODEV, "exec": unix.MS_NOEXEC,
		"async": unix.MS_SYNCHRONOUS, "atime": unix.MS_NOATIME, "diratime": unix.MS_NODIRATIME, "norelatime": unix.MS_RELATIME,
	}
	if f, ok := opposite[word]; ok {
		return 0, f, true
	}
	return 0, 0, slices.Contains([]string{"defaults", "auto", "noauto", "user", "nouser", "nofail", "_netdev", "loud"}, word)
}

// parseMountOptions splits the words of -o into flags and what the file system itself understands.
func parseMountOptions(text string) (flags uintptr, data string) {
	var rest []string
	for word := range strings.SplitSeq(text, ",") {
		if word == "" {
			continue
		}
		set, unset, ok := mountFlag(word)
		if !ok {
			rest = append(rest, word)
		}
		flags = flags&^unset | set
	}
	return flags, strings.Join(rest, ",")
}

func mount(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	kind := o.String("t types", "TYPE", "", "the type of the file system")
	var words []string
	o.Func("o options", "LIST", "options: ro,nosuid,nodev,noexec,noatime,bind,remount,... and those of the file system", func(s string) error {
		words = append(words, s)
		return nil
	})
	word := func(names, help, w string) {
		o.Func(names, "", help, func(string) error { words = append(words, w); return nil })
	}
	word("r read-only", "mount read-only", "ro")
	word("w rw", "", "rw")
	word("B bind", "show a directory in another place", "bind")
	word("R rbind", "the same, with what is mounted below it", "rbind")
	word("M move", "move a mount to another place", "move")
	for _, how := range []string{"shared", "private", "slave", "unbindable", "rshared", "rprivate", "rslave", "runbindable"} {
		word("make-"+how, "", how)
	}
	o.Note("  --make-[r]shared, --make-[r]private, --make-[r]slave, --make-[r]unbindable  change how mounts propagate")
	all := o.Flag("a all", "mount what /etc/fstab lists")
	o.Ignored("n no-mtab")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	options := strings.Join(words, ",")
	switch {
	case *all:
		return mountAll(p)
	case len(args) == 0 && options == "":
		return listMounts(p, *kind)
	case len(args) == 0 || len(args) > 2:
		return applet.Usagef("a source and a directory are needed")
	}
	line := mountLine{source: args[0], dir: args[len(args)-1], kind: *kind, options: options}
	flags, _ := parseMountOptions(options)
	const alone = unix.MS_REMOUNT | unix.MS_SHARED | unix.MS_PRIVATE | unix.MS_SLAVE | unix.MS_UNBINDABLE
	if len(args) == 1 && flags&alone == 0 {
		table, err := readMounts("/etc/fstab")
		if err != nil {
			return err
		}
		i := slices.IndexFunc(table, func(m mountLine) bool { return m.source == args[0] || m.dir == args[0] })
		if i < 0 {
			return fmt.Errorf("%s is not in /etc/fstab", args[0])
		}
		line = table[i]
		line.options += "," + options
	}
	return mountOne(p, line)
}

func listMounts(p *applet.Proc, kind string) error {
	table, err := readMounts("/proc/self/mounts")
	if err != nil {
		return err
	}
	for _, m := range table {
		if kind == "" || m.kind == kind {
			p.Printf("%s on %s type %s (%s)\n", m.source, m.dir, m.kind, m.options)
		}
	}
	return nil
}

func mountAll(p *applet.Proc) error {
	table, err := readMounts("/etc/fstab")
	if err != nil {
		return err
	}
	mounted, _ := readMounts("/proc/self/mounts")
	for _, m := range table {
		if m.kind == "swap" || m.dir == "none" || slices.Contains(strings.Split(m.options, ","), "noauto") ||
			slices.ContainsFunc(mounted, func(n mountLine) bool { return n.dir == m.dir }) {
			continue
		}
		if err := mountOne(p, m); err != nil {
			p.Errorf("%s", err)
		}
	}
	return nil
}

// mountOne makes one call of mount(2); a read-only bind mount and a change of propagation after a mount
// are a second one, because the kernel ignores those flags in the first.
func mountOne(p *applet.Proc, m mountLine) error {
	flags, data := parseMountOptions(m.options)
	dir := p.Path(m.dir)
	fail := func(err error) error {
		return fmt.Errorf("%s on %s: %w", m.source, m.dir, err)
	}
	const propagation = unix.MS_SHARED | unix.MS_PRIVATE | unix.MS_SLAVE | unix.MS_UNBINDABLE
	if change := flags & propagation; change != 0 && flags&unix.MS_BIND == 0 {
		if err := unix.Mount("none", dir, "", change|flags&unix.MS_REC, ""); err != nil {
			return fail(err)
		}
		return nil
	}
	source := m.source
	if flags&(unix.MS_BIND|unix.MS_MOVE) != 0 {
		source = p.Path(source)
	}
	if m.kind == "" && flags&(unix.MS_BIND|unix.MS_MOVE|unix.MS_REMOUNT) == 0 {
		return guessType(p, m, flags, data)
	}
	if err := unix.Mount(source, dir, m.kind, flags&^propagation, data); err != nil {
		return fail(err)
	}
	const late = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME
	if flags&unix.MS_BIND != 0 && flags&unix.MS_REMOUNT == 0 && flags&late != 0 {
		if err := unix.Mount("none", dir, "", flags&late|unix.MS_BIND|unix.MS_REMOUNT, ""); err != nil {
			return fail(err)
		}
	}
	return nil
}

// guessType tries the file systems that the kernel knows and that need a device.
func guessType(p *applet.Proc, m mountLine, flags uintptr, data string) error {
	text, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	err = errors.New("no file system found that fits (use -t)")
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "nodev") {
			continue
		}
		merr := unix.Mount(p.Path(m.source), p.Path(m.dir), strings.TrimSpace(line), flags, data)
		if merr == nil {
			return nil
		}
		if !errors.Is(merr, syscall.EINVAL) {
			err = merr
		}
	}
	return fmt.Errorf("%s on %s: %w", m.source, m.dir, err)
}

func umount(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	lazy := o.Flag("l lazy", "take it out of sight now, and clean up when nobody uses it any more")
	force := o.Flag("f force", "even if its server does not answer")
	deep := o.Flag("R recursive", "with what is mounted below")
	all := o.Flag("a all", "everything but /, /proc, /sys and /dev")
	kind := o.String("t types", "TYPE", "", "with -a, only file systems of this type")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 && !*all {
		return applet.Usagef("a directory is needed")
	}
	flags := unix.UMOUNT_NOFOLLOW
	if *lazy {
		flags |= unix.MNT_DETACH
	}
	if *force {
		flags |= unix.MNT_FORCE
	}
	table, terr := readMounts("/proc/self/mounts")
	if terr != nil && (*all || *deep) {
		return terr
	}
	if *all {
		for _, m := range table {
			if !slices.Contains([]string{"/", "/proc", "/sys", "/dev"}, m.dir) && (*kind == "" || m.kind == *kind) {
				args = append([]string{m.dir}, args...)
			}
		}
	}
	for _, name := range args {
		dir := p.Path(name)
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			if real, err = filepath.Abs(real); err == nil {
				dir = real
			}
		}
		for _, m := range table {
			if m.source == name && m.dir != "" && strings.HasPrefix(name, "/dev/") {
				dir = m.dir
			}
		}
		if *deep {
			for _, m := range slices.Backward(table) {
				if strings.HasPrefix(m.dir, dir+"/") {
					p.Fail(m.dir, unix.Unmount(m.dir, flags))
				}
			}
		}
		p.Fail(name, unix.Unmount(dir, flags))
	}
	return nil
}

func mountpoint(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	quiet := o.Flag("q quiet", "print nothing; the exit status tells")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return applet.Usagef("one directory is needed")
	}
	dir, err := filepath.EvalSymlinks(p.Path(args[0]))
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		if *quiet {
			return applet.Exit(1)
		}
		return err
	}
	table, err := readMounts("/proc/self/mounts")
	if err != nil {
		return err
	}
	is := slices.ContainsFunc(table, func(m mountLine) bool { return m.dir == dir })
	if !*quiet {
		p.Printf("%s is %sa mountpoint\n", args[0], map[bool]string{false: "not "}[is])
	}
	if !is {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}
