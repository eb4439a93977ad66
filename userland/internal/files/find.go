//go:build linux

package files

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
)

// finder is one run of find.
type finder struct {
	ctx   context.Context
	p     *applet.Proc
	names account.Names
	now   time.Time

	follow, followArgs bool
	minDepth, maxDepth int
	depthFirst, oneDev bool
	expr               predicate
	batches            []*batch
	quit               bool
	dev                uint64
	status             int
}

// found is a file that the expression is evaluated for.
type found struct {
	path  string // as printed
	root  string // the operand it was found under
	depth int
	fi    os.FileInfo
	st    *syscall.Stat_t
	prune bool
}

// predicate is a part of the expression.
type predicate func(f *found) bool

func find(ctx context.Context, p *applet.Proc) error {
	if p.Help(findHelp) {
		return nil
	}
	f := &finder{ctx: ctx, p: p, now: time.Now(), maxDepth: -1}
	args := p.Args
	for len(args) > 0 && slices.Contains([]string{"-H", "-L", "-P"}, args[0]) {
		f.follow, f.followArgs = args[0] == "-L", args[0] == "-H" || args[0] == "-L"
		args = args[1:]
	}
	n := 0
	for n < len(args) && args[n] != "(" && args[n] != "!" && (args[n] == "" || args[n][0] != '-') {
		n++
	}
	roots, args := args[:n], args[n:]
	if len(roots) == 0 {
		roots = []string{"."}
	}
	parse := &findParser{f: f, args: args}
	expr, err := parse.all()
	if err != nil {
		return err
	}
	f.expr = expr
	for _, root := range roots {
		if f.quit {
			break
		}
		if err := f.root(root); err != nil {
			return err
		}
	}
	for _, b := range f.batches {
		b.run()
	}
	if f.status != 0 {
		p.Flush()
		return applet.Exit(f.status)
	}
	return nil
}

func (f *finder) root(root string) error {
	fi, err := os.Lstat(f.p.Path(root))
	if err == nil && f.followArgs {
		if followed, serr := os.Stat(f.p.Path(root)); serr == nil {
			fi = followed
		}
	}
	if err != nil {
		f.p.Fail(root, err)
		return nil
	}
	f.dev = sysStat(fi).Dev
	return f.visit(&found{path: root, root: root, fi: fi, st: sysStat(fi)}, nil)
}

// visit evaluates the expression for a file and goes into it. above are the directories it is in, to
// find loops of links.
func (f *finder) visit(at *found, above []os.FileInfo) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	evaluate := func() error {
		if at.depth >= f.minDepth {
			f.expr(at)
		}
		_, err := f.p.Out().Write(nil)
		return err
	}
	if !f.depthFirst {
		if err := evaluate(); err != nil {
			return err
		}
	}
	if at.fi.IsDir() && !at.prune && !f.quit && (f.maxDepth < 0 || at.depth < f.maxDepth) && (!f.oneDev || at.st.Dev == f.dev) {
		if err := f.entries(at, append(above, at.fi)); err != nil {
			return err
		}
	}
	if f.depthFirst && !f.quit {
		return evaluate()
	}
	return nil
}

func (f *finder) entries(at *found, above []os.FileInfo) error {
	entries, err := os.ReadDir(f.p.Path(at.path))
	f.p.Fail(at.path, err)
	for _, e := range entries {
		if f.quit {
			return nil
		}
		path := strings.TrimSuffix(at.path, "/") + "/" + e.Name()
		fi, err := os.Lstat(f.p.Path(path))
		if err != nil {
			if !os.IsNotExist(err) {
				f.p.Fail(path, err)
			}
			continue
		}
		if f.follow && fi.Mode()&os.ModeSymlink != 0 {
			if followed, err := os.Stat(f.p.Path(path)); err == nil {
				fi = followed
				if slices.ContainsFunc(above, func(dir os.FileInfo) bool { return os.SameFile(dir, fi) }) {
					f.p.Errorf("%s: file system loop", path)
					continue
				}
			}
		}
		if err := f.visit(&found{path: path, root: at.root, depth: at.depth + 1, fi: fi, st: sysStat(fi)}, above); err != nil {
			return err
		}
	}
	return nil
}

func (at *found) name() string {
	if name := filepath.Base(at.path); at.path != "/" {
		return name
	}
	return "/"
}

const findHelp = `Tests (N is N, +N more than N, -N less than N):
  -name GLOB -iname GLOB   the name matches        -path GLOB -ipath GLOB  the whole path matches
  -regex RE -iregex RE     the whole path matches  -type f|d|l|p|s|c|b     the kind of file
  -size N[cwbkMG]          blocks, bytes, ...      -empty                  empty file or directory
  -mtime N -atime N -ctime N  days ago             -mmin N -amin N -cmin N  minutes ago
  -newer FILE              changed later           -perm [-/]MODE          mode bits
  -user U -group G -uid N -gid N -nouser -nogroup  -links N -inum N -samefile FILE
  -readable -writable -executable -true -false
Actions:
  -print -print0 -printf FORMAT -ls -delete -prune -quit
  -exec CMD {} ';'  -exec CMD {} +  -execdir CMD {} ';'  -ok CMD {} ';'
Operators: ( E )  ! E  -not E  E -a E  E -o E  E , E
Options: -maxdepth N -mindepth N -depth -xdev -mount`
