//go:build linux

package files

import (
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
)

// findParser reads the expression of find.
type findParser struct {
	f      *finder
	args   []string
	action bool // an action was named, so that -print is not implied
}

func (fp *findParser) all() (predicate, error) {
	if len(fp.args) == 0 {
		return fp.f.print("\n"), nil
	}
	expr, err := fp.list()
	if err == nil && len(fp.args) > 0 {
		err = applet.Usagef("unexpected %q", fp.args[0])
	}
	if err != nil {
		return nil, err
	}
	if !fp.action {
		print := fp.f.print("\n")
		return func(at *found) bool { return expr(at) && print(at) }, nil
	}
	return expr, nil
}

func (fp *findParser) peek() string {
	if len(fp.args) == 0 {
		return ""
	}
	return fp.args[0]
}

func (fp *findParser) list() (predicate, error) {
	a, err := fp.or()
	for err == nil && fp.peek() == "," {
		fp.args = fp.args[1:]
		var b predicate
		if b, err = fp.or(); err == nil {
			first := a
			a = func(at *found) bool { first(at); return b(at) }
		}
	}
	return a, err
}

func (fp *findParser) or() (predicate, error) {
	a, err := fp.and()
	for err == nil && (fp.peek() == "-o" || fp.peek() == "-or") {
		fp.args = fp.args[1:]
		var b predicate
		if b, err = fp.and(); err == nil {
			first := a
			a = func(at *found) bool { return first(at) || b(at) }
		}
	}
	return a, err
}

func (fp *findParser) and() (predicate, error) {
	a, err := fp.not()
	for err == nil && len(fp.args) > 0 {
		switch fp.peek() {
		case "-o", "-or", ")", ",":
			return a, nil
		case "-a", "-and":
			fp.args = fp.args[1:]
		}
		var b predicate
		if b, err = fp.not(); err == nil {
			first := a
			a = func(at *found) bool { return first(at) && b(at) }
		}
	}
	return a, err
}

func (fp *findParser) not() (predicate, error) {
	if fp.peek() == "!" || fp.peek() == "-not" {
		fp.args = fp.args[1:]
		a, err := fp.not()
		return func(at *found) bool { return !a(at) }, err
	}
	if fp.peek() == "(" {
		fp.args = fp.args[1:]
		a, err := fp.list()
		if err == nil && fp.peek() != ")" {
			err = applet.Usagef("a ) is missing")
		}
		if err == nil {
			fp.args = fp.args[1:]
		}
		return a, err
	}
	return fp.primary()
}

func (fp *findParser) value(name string) (string, error) {
	if len(fp.args) == 0 {
		return "", applet.Usagef("%s needs a value", name)
	}
	v := fp.args[0]
	fp.args = fp.args[1:]
	return v, nil
}

// primary reads one test, action or option.
func (fp *findParser) primary() (predicate, error) {
	if len(fp.args) == 0 {
		return nil, applet.Usagef("the expression ends too early")
	}
	f := fp.f
	name := fp.args[0]
	fp.args = fp.args[1:]
	always := func(*found) bool { return true }
	switch name {
	case "-true", "-noleaf", "-ignore_readdir_race":
		return always, nil
	case "-false":
		return func(*found) bool { return false }, nil
	case "-depth", "-d":
		f.depthFirst = true
		return always, nil
	case "-xdev", "-mount":
		f.oneDev = true
		return always, nil
	case "-print":
		fp.action = true
		return f.print("\n"), nil
	case "-print0":
		fp.action = true
		return f.print("\x00"), nil
	case "-ls":
		fp.action = true
		return f.list, nil
	case "-prune":
		return func(at *found) bool { at.prune = true; return true }, nil
	case "-quit":
		fp.action = true
		return func(*found) bool { f.quit = true; return true }, nil
	case "-delete":
		fp.action = true
		f.depthFirst = true
		return f.remove, nil
	case "-empty":
		return f.empty, nil
	case "-readable", "-writable", "-executable":
		return func(at *found) bool {
			return FileTest(map[byte]byte{'r': 'r', 'w': 'w', 'e': 'x'}[name[1]], f.p.Path(at.path))
		}, nil
	case "-nouser":
		return func(at *found) bool { _, ok := f.names.ByUID(int(at.st.Uid)); return !ok }, nil
	case "-nogroup":
		return func(at *found) bool { _, ok := f.names.ByGID(int(at.st.Gid)); return !ok }, nil
	case "-exec", "-ok", "-execdir":
		fp.action = true
		return fp.exec(name)
	}
	if strings.HasPrefix(name, "-") {
		v, err := fp.value(name)
		if err != nil {
			if !takesValue(name) {
				err = applet.Usagef("unknown test %s", name)
			}
			return nil, err
		}
		return fp.valued(name, v)
	}
	return nil, applet.Usagef("unexpected %q", name)
}

func takesValue(name string) bool {
	return strings.Contains(" -name -iname -path -wholename -ipath -regex -iregex -type -size -mtime -atime -ctime -mmin -amin -cmin -newer -perm -user -group -uid -gid -links -inum -samefile -maxdepth -mindepth -printf ", " "+name+" ")
}

// valued reads the tests that take one value.
func (fp *findParser) valued(name, v string) (predicate, error) {
	f := fp.f
	number := func(of func(at *found) int64) (predicate, error) {
		cmp, err := comparison(v)
		return func(at *found) bool { return cmp(of(at)) }, err
	}
	// Times are counted in whole periods, as POSIX has it: -mtime 0 is less than a day ago.
	age := func(unit time.Duration, of func(*syscall.Stat_t) syscall.Timespec) (predicate, error) {
		return number(func(at *found) int64 {
			ts := of(at.st)
			return int64(f.now.Sub(time.Unix(ts.Unix())) / unit)
		})
	}
	modified := func(st *syscall.Stat_t) syscall.Timespec { return st.Mtim }
	accessed := func(st *syscall.Stat_t) syscall.Timespec { return st.Atim }
	changed := func(st *syscall.Stat_t) syscall.Timespec { return st.Ctim }
	const day = 24 * time.Hour
	switch name {
	case "-name", "-iname", "-path", "-ipath", "-wholename":
		return globbing(name, v)
	case "-regex", "-iregex":
		re, err := regexp.Compile(map[bool]string{true: "(?i)"}[name == "-iregex"] + "^(?:" + v + ")$")
		if err != nil {
			return nil, applet.Usagef("bad pattern %q", v)
		}
		return func(at *found) bool { return re.MatchString(at.path) }, nil
	case "-type", "-xtype":
		return kinds(v)
	case "-size":
		return sizes(v)
	case "-mtime":
		return age(day, modified)
	case "-atime":
		return age(day, accessed)
	case "-ctime":
		return age(day, changed)
	case "-mmin":
		return age(time.Minute, modified)
	case "-amin":
		return age(time.Minute, accessed)
	case "-cmin":
		return age(time.Minute, changed)
	case "-newer":
		fi, err := os.Stat(f.p.Path(v))
		if err != nil {
			return nil, err
		}
		return func(at *found) bool { return at.fi.ModTime().After(fi.ModTime()) }, nil
	case "-samefile":
		fi, err := os.Stat(f.p.Path(v))
		if err != nil {
			return nil, err
		}
		return func(at *found) bool { return os.SameFile(at.fi, fi) }, nil
	case "-perm":
		return permissions(v)
	case "-user":
		u, err := f.names.User(v)
		return func(at *found) bool { return int(at.st.Uid) == u.UID }, err
	case "-group":
		gid, err := f.names.GID(v)
		return func(at *found) bool { return int(at.st.Gid) == gid }, err
	case "-uid":
		return number(func(at *found) int64 { return int64(at.st.Uid) })
	case "-gid":
		return number(func(at *found) int64 { return int64(at.st.Gid) })
	case "-links":
		return number(func(at *found) int64 { return int64(at.st.Nlink) })
	case "-inum":
		return number(func(at *found) int64 { return int64(at.st.Ino) })
	case "-maxdepth", "-mindepth":
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return nil, applet.Usagef("%s: %q is not a number", name, v)
		}
		if name == "-maxdepth" {
			f.maxDepth = n
		} else {
			f.minDepth = n
		}
		return func(*found) bool { return true }, nil
	case "-printf":
		fp.action = true
		return f.printf(v), nil
	}
	return nil, applet.Usagef("unknown test %s", name)
}

func comparison(v string) (func(int64) bool, error) {
	n, err := strconv.ParseInt(strings.TrimLeft(v, "+-"), 10, 64)
	if err != nil {
		return nil, applet.Usagef("%q is not a number", v)
	}
	switch v[0] {
	case '+':
		return func(x int64) bool { return x > n }, nil
	case '-':
		return func(x int64) bool { return x < n }, nil
	}
	return func(x int64) bool { return x == n }, nil
}

func globbing(name, pattern string) (predicate, error) {
	fold := strings.HasPrefix(name, "-i")
	whole := strings.HasSuffix(name, "path") || name == "-wholename"
	if fold {
		pattern = strings.ToLower(pattern)
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, applet.Usagef("bad pattern %q", pattern)
	}
	return func(at *found) bool {
		text := at.name()
		if whole {
			text = at.path
		}
		if fold {
			text = strings.ToLower(text)
		}
		if whole {
			// Here * also matches a slash, which path.Match never does.
			ok, _ := path.Match(strings.ReplaceAll(pattern, "/", "\x01"), strings.ReplaceAll(text, "/", "\x01"))
			return ok
		}
		ok, _ := path.Match(pattern, text)
		return ok
	}, nil
}

func kinds(v string) (predicate, error) {
	modes := map[byte]uint32{
		'f': syscall.S_IFREG, 'd': syscall.S_IFDIR, 'l': syscall.S_IFLNK, 'p': syscall.S_IFIFO,
		's': syscall.S_IFSOCK, 'c': syscall.S_IFCHR, 'b': syscall.S_IFBLK,
	}
	var wanted []uint32
	for part := range strings.SplitSeq(v, ",") {
		mode, ok := modes[(part + " ")[0]]
		if !ok || len(part) != 1 {
			return nil, applet.Usagef("unknown type %q", v)
		}
		wanted = append(wanted, mode)
	}
	return func(at *found) bool {
		for _, mode := range wanted {
			if at.st.Mode&syscall.S_IFMT == mode {
				return true
			}
		}
		return false
	}, nil
}

// sizes rounds up to the unit, so that -size -1k matches empty files only.
func sizes(v string) (predicate, error) {
	unit := int64(512)
	if i := strings.IndexByte("cwbkMG", v[len(v)-1]); i >= 0 {
		unit = []int64{1, 2, 512, 1 << 10, 1 << 20, 1 << 30}[i]
		v = v[:len(v)-1]
	}
	if v == "" {
		return nil, applet.Usagef("a size is needed")
	}
	cmp, err := comparison(v)
	return func(at *found) bool { return cmp((at.st.Size + unit - 1) / unit) }, err
}

func permissions(v string) (predicate, error) {
	kind := v[0]
	if kind == '-' || kind == '/' {
		v = v[1:]
	}
	bits, err := ParseMode(v, 0, false, 0)
	if err != nil {
		return nil, applet.Usagef("%s", err)
	}
	return func(at *found) bool {
		mode := at.st.Mode & 0o7777
		switch kind {
		case '-':
			return mode&bits == bits
		case '/':
			return mode&bits != 0 || bits == 0
		}
		return mode == bits
	}, nil
}

func (f *finder) empty(at *found) bool {
	if at.fi.Mode().IsRegular() {
		return at.st.Size == 0
	}
	if !at.fi.IsDir() {
		return false
	}
	dir, err := os.Open(f.p.Path(at.path))
	if err != nil {
		f.p.Fail(at.path, err)
		return false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(1)
	return len(names) == 0
}
