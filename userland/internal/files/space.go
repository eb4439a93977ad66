//go:build linux

package files

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// mountOf is a line of the mount table.
type mountOf struct{ source, dir, kind string }

func mounts() ([]mountOf, error) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var all []mountOf
	for s := bufio.NewScanner(f); s.Scan(); {
		if w := strings.Fields(s.Text()); len(w) >= 3 {
			all = append(all, mountOf{unescape.Replace(w[0]), unescape.Replace(w[1]), w[2]})
		}
	}
	return all, nil
}

func df(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	human := o.Flag("h human-readable", "print sizes such as 4.5G")
	kinds := o.Flag("T print-type", "print the type of the file system")
	inodes := o.Flag("i inodes", "count inodes instead of blocks")
	all := o.Flag("a all", "show file systems without blocks too")
	mega := o.Flag("m", "count in MiB")
	o.Ignored("k")
	o.Ignored("P portability")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	table, err := mounts()
	if err != nil && len(args) == 0 {
		return err
	}
	var chosen []mountOf
	for _, name := range args {
		m, err := mountHolding(table, p.Path(name))
		if err != nil {
			p.Fail(name, err)
			continue
		}
		chosen = append(chosen, m)
	}
	if len(args) == 0 {
		chosen = table
	}
	unit, size := int64(1024), "1K-blocks"
	switch {
	case *human:
		size = "Size"
	case *mega:
		unit, size = 1<<20, "1M-blocks"
	case *inodes:
		size = "Inodes"
	}
	head := []string{"Filesystem", "Type", size, "Used", "Available", "Use%", "Mounted on"}
	rows := [][]string{head}
	seen := map[string]bool{}
	for _, m := range chosen {
		var st unix.Statfs_t
		if err := unix.Statfs(m.dir, &st); err != nil {
			if len(args) > 0 {
				p.Fail(m.dir, err)
			}
			continue
		}
		if len(args) == 0 && !*all && (st.Blocks == 0 || seen[m.dir]) {
			continue
		}
		seen[m.dir] = true
		total, free, avail := int64(st.Blocks), int64(st.Bfree), int64(st.Bavail)
		if *inodes {
			total, free, avail = int64(st.Files), int64(st.Ffree), int64(st.Ffree)
		}
		used := total - free
		percent := "-"
		if used+avail > 0 {
			percent = fmt.Sprintf("%d%%", (used*100+used+avail-1)/(used+avail))
		}
		text := func(n int64) string {
			switch {
			case *inodes:
				return strconv.FormatInt(n, 10)
			case *human:
				return applet.Human(n * int64(st.Frsize))
			}
			return strconv.FormatInt(n*int64(st.Frsize)/unit, 10)
		}
		rows = append(rows, []string{m.source, m.kind, text(total), text(used), text(avail), percent, m.dir})
	}
	printTable(p, rows, func(col int) bool { return col != 1 || *kinds }, "llrrrrl")
	return nil
}

// printTable prints rows in columns that are aligned as align says, without those that show leaves out.
func printTable(p *applet.Proc, rows [][]string, show func(col int) bool, align string) {
	widths := make([]int, len(align))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			switch {
			case !show(i):
				continue
			case align[i] == 'r':
				line += fmt.Sprintf("%*s ", widths[i], cell)
			default:
				line += fmt.Sprintf("%-*s ", widths[i], cell)
			}
		}
		p.Println(strings.TrimRight(line, " "))
	}
}

// mountHolding finds the mount that a file is in: the last whose directory is above it on the same device.
func mountHolding(table []mountOf, path string) (mountOf, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return mountOf{}, err
	}
	if real, err = filepath.Abs(real); err != nil {
		return mountOf{}, err
	}
	best := mountOf{"-", real, "-"}
	longest := -1
	for _, m := range table {
		if (m.dir == "/" || real == m.dir || strings.HasPrefix(real, m.dir+"/")) && len(m.dir) >= longest {
			best, longest = m, len(m.dir)
		}
	}
	return best, nil
}

// summer adds up the space of trees.
type summer struct {
	ctx                                context.Context
	p                                  *applet.Proc
	human, all, summary, apparent, one bool
	mega, follow                       bool
	depth                              int
	dev                                uint64
	seen                               map[[2]uint64]bool
}

func du(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	d := &summer{ctx: ctx, p: p, depth: -1, seen: map[[2]uint64]bool{}}
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	flag(&d.human, "h human-readable", "print sizes such as 4.5K")
	flag(&d.all, "a all", "print files too, not only directories")
	flag(&d.summary, "s summarize", "print one line for each FILE")
	flag(&d.apparent, "b bytes", "count the bytes in files, not the space they take")
	flag(&d.mega, "m", "count in MiB")
	flag(&d.one, "x one-file-system", "do not go into other file systems")
	flag(&d.follow, "L dereference", "follow symbolic links")
	total := o.Flag("c total", "print the sum")
	o.Func("d max-depth", "N", "print only N levels of directories", func(s string) (err error) { d.depth, err = strconv.Atoi(s); return err })
	o.Ignored("k")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	if d.summary {
		d.depth = 0
	}
	sum := int64(0)
	for _, name := range args {
		var st syscall.Stat_t
		if err := syscall.Stat(p.Path(name), &st); err == nil {
			d.dev = st.Dev
		}
		n, err := d.add(name, 0)
		if err != nil {
			return err
		}
		sum += n
	}
	if *total {
		d.print(sum, "total")
	}
	return nil
}

func (d *summer) print(bytes int64, name string) {
	text := strconv.FormatInt((bytes+1023)/1024, 10)
	switch {
	case d.human:
		text = applet.Human(bytes)
	case d.apparent:
		text = strconv.FormatInt(bytes, 10)
	case d.mega:
		text = strconv.FormatInt((bytes+1<<20-1)>>20, 10)
	}
	d.p.Println(text + "\t" + name)
}

func (d *summer) add(name string, level int) (int64, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	var st syscall.Stat_t
	stat := syscall.Lstat
	if d.follow || level == 0 && strings.HasSuffix(name, "/") {
		stat = syscall.Stat
	}
	if err := stat(d.p.Path(name), &st); err != nil {
		d.p.Fail(name, err)
		return 0, nil
	}
	isDir := st.Mode&syscall.S_IFMT == syscall.S_IFDIR
	if d.one && st.Dev != d.dev {
		return 0, nil
	}
	if st.Nlink > 1 && !isDir || d.follow {
		id := [2]uint64{st.Dev, st.Ino}
		if d.seen[id] {
			return 0, nil
		}
		d.seen[id] = true
	}
	sum := st.Blocks * 512
	if d.apparent {
		sum = st.Size
	}
	if isDir {
		entries, err := os.ReadDir(d.p.Path(name))
		d.p.Fail(name, err)
		for _, e := range entries {
			n, err := d.add(strings.TrimSuffix(name, "/")+"/"+e.Name(), level+1)
			if err != nil {
				return 0, err
			}
			sum += n
		}
	}
	if (isDir || d.all || level == 0) && (d.depth < 0 || level <= d.depth) {
		d.print(sum, name)
	}
	return sum, nil
}
