//go:build linux

package files

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// lister is one run of ls.
type lister struct {
	ctx   context.Context
	p     *applet.Proc
	names account.Names

	long, all, almost, one, columns bool
	dirs, classify, slash, human    bool
	inode, numeric, reverse, deep   bool
	follow, blocks, full            bool
	noGroup, noOwner, color         bool
	sort                            byte // n name, S size, t time, X extension, U none, v version
	time                            byte // m modified, a accessed, c changed
	width                           int
	printed                         bool
}

type entry struct {
	name, path string
	st         syscall.Stat_t
	target     string
	broken     bool
}

func ls(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	l := &lister{ctx: ctx, p: p, sort: 'n', time: 'm', width: 80}
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	flag(&l.long, "l", "print mode, links, owner, group, size and time")
	flag(&l.all, "a all", "show names that begin with a dot")
	flag(&l.almost, "A almost-all", "the same, but not . and ..")
	flag(&l.one, "1", "print one name a line")
	flag(&l.columns, "C", "print names in columns")
	flag(&l.dirs, "d directory", "show directories themselves, not what is in them")
	flag(&l.classify, "F classify", "mark directories /, programs *, links @, pipes |, sockets =")
	flag(&l.slash, "p", "mark directories /")
	flag(&l.human, "h human-readable", "with -l, print sizes such as 4.5K")
	flag(&l.inode, "i inode", "print inode numbers")
	flag(&l.blocks, "s size", "print how much space files take, in KiB")
	o.Func("n numeric-uid-gid", "", "like -l, with numbers for owner and group", func(string) error { l.long, l.numeric = true, true; return nil })
	o.Func("g", "", "like -l, without the owner", func(string) error { l.long, l.noOwner = true, true; return nil })
	o.Func("o", "", "like -l, without the group", func(string) error { l.long, l.noGroup = true, true; return nil })
	flag(&l.reverse, "r reverse", "reverse the order")
	flag(&l.deep, "R recursive", "show what is in directories of directories")
	flag(&l.follow, "L dereference", "show what symbolic links point at")
	flag(&l.full, "full-time", "with -l, print times in full")
	for _, s := range []struct{ name, help string }{
		{"S", "sort by size, largest first"},
		{"t", "sort by time, newest first"},
		{"X", "sort by extension"},
		{"v", "sort by version numbers"},
		{"U", "do not sort"},
	} {
		o.Func(s.name, "", s.help, func(string) error { l.sort = s.name[0]; return nil })
	}
	o.Func("u", "", "use the time of the last access", func(string) error { l.time = 'a'; return nil })
	o.Func("c", "", "use the time of the last change of the inode", func(string) error { l.time = 'c'; return nil })
	when := "never"
	o.Func("color", "WHEN", "colour names: always, never or auto", func(s string) error { when = s; return nil })
	for i, arg := range p.Args {
		if arg == "--color" {
			p.Args[i] = "--color=always"
		}
	}
	files, err := o.Parse()
	if err != nil {
		return err
	}
	tty := false
	if f := applet.File(p.Stdout); f != nil {
		if ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			tty = true
			if ws.Col > 0 {
				l.width = int(ws.Col)
			}
		}
	}
	if n, err := strconv.Atoi(p.Getenv("COLUMNS")); err == nil && n > 0 {
		l.width = n
	}
	l.color = when == "always" || when == "auto" && tty
	l.columns = (l.columns || tty) && !l.one && !l.long
	if len(files) == 0 {
		files = []string{"."}
	}
	return l.list(files)
}

// list shows the operands: first what is not a directory, then what is in the directories.
func (l *lister) list(files []string) error {
	var plain, dirs []entry
	for _, name := range files {
		// A link named by the user is followed, unless its own data is asked for.
		e, err := l.stat(name, name, l.follow || !l.long && !l.dirs && !l.classify)
		if err != nil {
			l.p.Fail(name, err)
			continue
		}
		if e.st.Mode&syscall.S_IFMT == syscall.S_IFDIR && !l.dirs {
			dirs = append(dirs, e)
		} else {
			plain = append(plain, e)
		}
	}
	status := 1
	if l.p.Failed() {
		status = 2
	}
	l.print(plain)
	l.printed = len(plain) > 0
	l.order(dirs)
	for _, d := range dirs {
		if err := l.directory(d.path, len(files) > 1 || l.deep); err != nil {
			return err
		}
	}
	if l.p.Failed() {
		l.p.Flush()
		return applet.Exit(status)
	}
	return nil
}

func (l *lister) stat(name, path string, follow bool) (e entry, err error) {
	e = entry{name: name, path: path}
	full := l.p.Path(path)
	if follow {
		if err = syscall.Stat(full, &e.st); err == nil {
			return e, nil
		}
	}
	if lerr := syscall.Lstat(full, &e.st); lerr != nil {
		return e, lerr
	}
	if e.st.Mode&syscall.S_IFMT == syscall.S_IFLNK && (l.long || l.color) {
		e.target, _ = os.Readlink(full)
		var st syscall.Stat_t
		e.broken = syscall.Stat(full, &st) != nil
	}
	return e, nil
}

func (l *lister) directory(path string, title bool) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if l.printed {
		l.p.Printf("\n")
	}
	l.printed = true
	if title {
		l.p.Printf("%s:\n", path)
	}
	dir, err := os.Open(l.p.Path(path))
	if err != nil {
		l.p.Fail(path, err)
		return nil
	}
	names, err := dir.Readdirnames(-1)
	dir.Close()
	l.p.Fail(path, err)
	if l.all {
		names = append(names, ".", "..")
	}
	var entries []entry
	total := int64(0)
	prefix := strings.TrimSuffix(path, "/") + "/"
	for _, name := range names {
		if name[0] == '.' && !l.all && !l.almost {
			continue
		}
		e, err := l.stat(name, prefix+name, l.follow)
		if err != nil {
			l.p.Fail(prefix+name, err)
			continue
		}
		total += e.st.Blocks / 2
		entries = append(entries, e)
	}
	if l.long || l.blocks {
		size := strconv.FormatInt(total, 10)
		if l.human {
			size = applet.Human(total * 1024)
		}
		l.p.Printf("total %s\n", size)
	}
	l.order(entries)
	l.print(entries)
	if l.deep {
		for _, e := range entries {
			if e.st.Mode&syscall.S_IFMT == syscall.S_IFDIR && e.name != "." && e.name != ".." {
				if err := l.directory(e.path, true); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (l *lister) when(e *entry) time.Time {
	ts := e.st.Mtim
	switch l.time {
	case 'a':
		ts = e.st.Atim
	case 'c':
		ts = e.st.Ctim
	}
	return time.Unix(ts.Unix())
}

func (l *lister) order(es []entry) {
	slices.SortFunc(es, func(a, b entry) int {
		d := 0
		switch l.sort {
		case 'S':
			d = compare(b.st.Size, a.st.Size)
		case 't':
			d = l.when(&b).Compare(l.when(&a))
		case 'X':
			d = strings.Compare(extension(a.name), extension(b.name))
		case 'v':
			d = applet.CompareVersions(a.name, b.name)
		}
		if d == 0 && l.sort != 'U' {
			d = strings.Compare(a.name, b.name)
		}
		if l.reverse {
			d = -d
		}
		return d
	})
}

func compare(a, b int64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

func extension(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[i:]
	}
	return ""
}

// label is the name as printed, and how many columns it takes.
func (l *lister) label(e *entry) (string, int) {
	name := e.name
	mark := ""
	mode := e.st.Mode
	switch mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		if l.classify || l.slash {
			mark = "/"
		}
	case syscall.S_IFLNK:
		if l.classify && !l.long {
			mark = "@"
		}
	case syscall.S_IFIFO:
		if l.classify {
			mark = "|"
		}
	case syscall.S_IFSOCK:
		if l.classify {
			mark = "="
		}
	case syscall.S_IFREG:
		if l.classify && mode&0o111 != 0 {
			mark = "*"
		}
	}
	n := utf8.RuneCountInString(name) + len(mark)
	if l.color {
		if c := colorOf(e); c != "" {
			name = "\x1b[" + c + "m" + name + "\x1b[0m"
		}
	}
	return name + mark, n
}

func colorOf(e *entry) string {
	switch mode := e.st.Mode; mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		return "1;34"
	case syscall.S_IFLNK:
		if e.broken {
			return "31"
		}
		return "36"
	case syscall.S_IFIFO, syscall.S_IFSOCK, syscall.S_IFCHR, syscall.S_IFBLK:
		return "33"
	default:
		if mode&0o111 != 0 {
			return "32"
		}
	}
	return ""
}

func (l *lister) print(es []entry) {
	if len(es) == 0 {
		return
	}
	if l.long {
		l.printLong(es)
		return
	}
	cells := make([]string, len(es))
	widths := make([]int, len(es))
	for i := range es {
		cells[i], widths[i] = l.label(&es[i])
		prefix := ""
		if l.inode {
			prefix += fmt.Sprintf("%d ", es[i].st.Ino)
		}
		if l.blocks {
			prefix += fmt.Sprintf("%d ", es[i].st.Blocks/2)
		}
		cells[i] = prefix + cells[i]
		widths[i] += len(prefix)
	}
	if !l.columns {
		for _, c := range cells {
			l.p.Println(c)
		}
		return
	}
	rows, cols := layout(widths, l.width)
	for r := range rows {
		for c, w := range cols {
			i := c*rows + r
			if i >= len(cells) {
				break
			}
			l.p.Printf("%s", cells[i])
			if i+rows < len(cells) {
				l.p.Printf("%*s", w-widths[i]+2, "")
			}
		}
		l.p.Println("")
	}
}

// layout finds the smallest number of rows whose columns fit the width.
func layout(widths []int, width int) (rows int, cols []int) {
	for rows = 1; rows <= len(widths); rows++ {
		cols = cols[:0]
		total := -2
		for at := 0; at < len(widths); at += rows {
			col := slices.Max(widths[at:min(len(widths), at+rows)])
			cols = append(cols, col)
			total += col + 2
		}
		if total < width {
			break
		}
	}
	return min(rows, len(widths)), cols
}

func (l *lister) printLong(es []entry) {
	rows := make([][]string, len(es))
	var widths [8]int
	for i := range es {
		e := &es[i]
		size := strconv.FormatInt(e.st.Size, 10)
		if l.human {
			size = applet.Human(e.st.Size)
		}
		if t := e.st.Mode & syscall.S_IFMT; t == syscall.S_IFCHR || t == syscall.S_IFBLK {
			size = fmt.Sprintf("%d, %d", unix.Major(e.st.Rdev), unix.Minor(e.st.Rdev))
		}
		owner, group := strconv.Itoa(int(e.st.Uid)), strconv.Itoa(int(e.st.Gid))
		if !l.numeric {
			owner, group = l.names.UserName(int(e.st.Uid)), l.names.GroupName(int(e.st.Gid))
		}
		if l.noOwner {
			owner = ""
		}
		if l.noGroup {
			group = ""
		}
		inode, blocks := "", ""
		if l.inode {
			inode = strconv.FormatUint(e.st.Ino, 10)
		}
		if l.blocks {
			blocks = strconv.FormatInt(e.st.Blocks/2, 10)
		}
		rows[i] = []string{inode, blocks, modeString(e.st.Mode), strconv.FormatUint(uint64(e.st.Nlink), 10), owner, group, size, l.stamp(e)}
		for j, cell := range rows[i] {
			widths[j] = max(widths[j], len(cell))
		}
	}
	for i, row := range rows {
		sep := ""
		for j, cell := range row {
			if widths[j] == 0 {
				continue
			}
			format := "%s%*s"
			if j == 4 || j == 5 {
				format = "%s%-*s"
			}
			l.p.Printf(format, sep, widths[j], cell)
			sep = " "
		}
		name, _ := l.label(&es[i])
		if es[i].target != "" {
			name += " -> " + es[i].target
		}
		l.p.Println(" " + name)
	}
}

// stamp is the time of day for recent files and the year for others.
func (l *lister) stamp(e *entry) string {
	t := l.when(e)
	switch age := time.Since(t); {
	case l.full:
		return t.Format("2006-01-02 15:04:05.000000000 -0700")
	case age > 182*24*time.Hour || age < -time.Hour:
		return t.Format("Jan _2  2006")
	}
	return t.Format("Jan _2 15:04")
}
