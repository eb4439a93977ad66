//go:build linux

package files

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
)

func (f *finder) print(end string) predicate {
	return func(at *found) bool {
		f.p.Out().WriteString(at.path)
		f.p.Out().WriteString(end)
		f.p.EndLine()
		return true
	}
}

func (f *finder) list(at *found) bool {
	st := at.st
	target := ""
	if t, err := os.Readlink(f.p.Path(at.path)); err == nil {
		target = " -> " + t
	}
	f.p.Printf("%9d %6d %s %3d %-8s %-8s %8d %s %s%s\n", st.Ino, st.Blocks/2, modeString(st.Mode), st.Nlink,
		f.names.UserName(int(st.Uid)), f.names.GroupName(int(st.Gid)), st.Size, at.fi.ModTime().Format("Jan _2 15:04"), at.path, target)
	return true
}

func (f *finder) remove(at *found) bool {
	if at.path == "." {
		return true
	}
	if err := os.Remove(f.p.Path(at.path)); err != nil {
		f.p.Fail(at.path, err)
		return false
	}
	return true
}

// printf is -printf, with the directives that scripts use.
func (f *finder) printf(format string) predicate {
	return func(at *found) bool {
		s := statOf{at.path, f.p.Path(at.path), at.fi, at.st, &f.names}
		f.p.Printf("%s", directives(strings.ReplaceAll(format, `\0`, "\x00"), func(c byte) string {
			switch c {
			case 'p':
				return at.path
			case 'f':
				return at.name()
			case 'h':
				return filepath.Dir(at.path)
			case 'P':
				return strings.TrimPrefix(strings.TrimPrefix(at.path, at.root), "/")
			case 'H':
				return at.root
			case 'd':
				return strconv.Itoa(at.depth)
			case 'l':
				target, _ := os.Readlink(s.path)
				return target
			case 'm':
				return s.field('a')
			case 'M':
				return s.field('A')
			case 'u':
				return s.field('U')
			case 'U':
				return s.field('u')
			case 'g':
				return s.field('G')
			case 'G':
				return s.field('g')
			case 'n':
				return s.field('h')
			case 'k':
				return strconv.FormatInt(at.st.Blocks/2, 10)
			case 't':
				return at.fi.ModTime().Format(time.ANSIC)
			case 'y':
				return strings.ToLower(strings.Replace(modeString(at.st.Mode)[:1], "-", "f", 1))
			}
			return s.field(c)
		}))
		f.p.EndLine()
		return true
	}
}

// exec reads the command of -exec and its like.
func (fp *findParser) exec(name string) (predicate, error) {
	f := fp.f
	end := -1
	for i, arg := range fp.args {
		if arg == ";" || arg == "+" && i > 0 && fp.args[i-1] == "{}" {
			end = i
			break
		}
	}
	if end < 1 {
		return nil, applet.Usagef("%s needs a command that ends with ;", name)
	}
	argv, many := fp.args[:end], fp.args[end] == "+"
	fp.args = fp.args[end+1:]
	if many {
		b := &batch{f: f, argv: argv[:len(argv)-1]}
		f.batches = append(f.batches, b)
		return b.add, nil
	}
	return func(at *found) bool {
		file, dir := at.path, ""
		if name == "-execdir" {
			file, dir = "./"+at.name(), filepath.Dir(at.path)
		}
		cmd := make([]string, len(argv))
		for i, arg := range argv {
			cmd[i] = strings.ReplaceAll(arg, "{}", file)
		}
		if name == "-ok" && !confirm(f.p, "%s?", strings.Join(cmd, " ")) {
			return false
		}
		return f.command(cmd, dir) == 0
	}, nil
}

func (f *finder) command(argv []string, dir string) int {
	q := *f.p
	if dir != "" {
		q.Dir = f.p.Path(dir)
	}
	f.p.Flush()
	status := q.RunCommand(f.ctx, argv)
	if q.Failed() {
		f.status = 1
	}
	return status
}

// batch collects files for -exec ... {} +.
type batch struct {
	f     *finder
	argv  []string
	files []string
	size  int
}

// maxBatch keeps a command line well below the kernel's limit.
const maxBatch = 128 << 10

func (b *batch) add(at *found) bool {
	b.files = append(b.files, at.path)
	if b.size += len(at.path) + 9; b.size > maxBatch {
		b.run()
	}
	return true
}

func (b *batch) run() {
	if len(b.files) == 0 {
		return
	}
	if b.f.command(append(append([]string{}, b.argv...), b.files...), "") != 0 {
		b.f.status = 1
	}
	b.files, b.size = nil, 0
}
