//go:build linux

package shell

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// Shell is one execution environment: that of the process, or a copy of it that a subshell runs in.
type Shell struct {
	*host
	main bool            // the process's own environment
	ctx  context.Context //nolint:containedctx // ends when the command line is interrupted

	name     string   // $0
	params   []string // $1 and on
	vars     *scope
	funcs    map[string]*syntax.Stmt
	shared   bool // funcs and aliases belong to the parent, too
	aliases  map[string]string
	opt      options
	dir      string
	virtual  bool // dir is not the directory of the process
	fds      []*os.File
	status   int // $?
	lastBg   int // $!
	lastArg  string
	line     uint
	lineBase uint // lines that were read before this text
	traps    map[string]string
	umask    int // what to restore when the subshell ends; -1: nothing

	flow       flow
	conditions int // depth of places where set -e does not count
	loops      int
	calls      int // depth of functions
	sourced    int // depth of sourced files
	inTrap     bool
	keepRedirs bool
	execLast   bool // the next simple command is the last thing this process does
	getopt     struct{ index, char int }
	substExit  int // status of the last command substitution
	cfg        *expand.Config
	pipes      []*os.File // of process substitutions, open while a command runs
	waits      []*sync.WaitGroup
}

// flow is what makes the statements that follow be skipped.
type flow struct {
	kind  flowKind
	depth int // loops to leave
}

type flowKind uint8

const (
	flowNone flowKind = iota
	flowBreak
	flowContinue
	flowReturn
	flowExit
	flowInterrupt // back to the prompt
)

// options are those of set and shopt.
type options struct {
	AllExport, ErrExit, NoExec, NoGlob, NoUnset, XTrace, NoClobber, PipeFail, Verbose, Monitor bool
	GlobStar, NullGlob, DotGlob, ExtGlob, NoCaseGlob, Aliases                                  bool
}

// host is what all environments of one process share.
type host struct {
	find        applet.Find
	pid         int
	self        os.FileInfo // the program, to recognize its own applets in PATH
	interactive bool
	started     time.Time
	jobs        jobTable
	signals     signalState
	random      atomic.Uint32
	history     *history
}

// scope is one level of variables.
type scope struct {
	kind   scopeKind
	vars   map[string]expand.Variable
	parent *scope
}

type scopeKind uint8

const (
	scopeBase  scopeKind = iota // takes new variables: that of the shell, and of each subshell
	scopeLocal                  // of a function: takes what is declared local
	scopeTemp                   // assignments before a command
)

func newShell(find applet.Find, environ []string, std [3]*os.File) *Shell {
	h := &host{find: find, pid: os.Getpid(), started: time.Now()}
	h.self, _ = os.Stat(applet.Self())
	h.signals.init()
	h.jobs.init()
	s := &Shell{
		host: h, main: true, name: "sh", ctx: context.Background(), umask: -1,
		vars:  &scope{vars: map[string]expand.Variable{}},
		funcs: map[string]*syntax.Stmt{}, aliases: map[string]string{}, traps: map[string]string{},
		fds: std[:],
	}
	s.opt.ExtGlob = true
	s.importEnviron(environ)
	s.configure()
	return s
}

// subshell copies the environment. The parent must not run while the copy does, except for other copies.
func (s *Shell) subshell() *Shell {
	c := *s
	c.main = false
	c.vars = &scope{vars: map[string]expand.Variable{}, parent: s.vars}
	c.shared = true
	c.fds = slices.Clone(s.fds)
	c.traps = map[string]string{}
	for name, action := range s.traps {
		if action == "" {
			c.traps[name] = "" // what is ignored stays ignored
		}
	}
	c.umask = -1
	c.execLast = false
	c.pipes, c.waits = nil, nil
	c.configure()
	return &c
}

// own makes the tables that a subshell shares with its parent its own, before a change.
func (s *Shell) own() {
	if s.shared {
		s.funcs, s.aliases = maps.Clone(s.funcs), maps.Clone(s.aliases)
		s.shared = false
	}
}

// finish ends a subshell: its EXIT trap runs, and what it changed of the process is taken back. An exit
// is no business of the parent's.
func (s *Shell) finish() int {
	s.exitTrap()
	if s.umask >= 0 {
		unix.Umask(s.umask)
	}
	return s.status
}

// path makes a name usable for a system call.
func (s *Shell) path(name string) string {
	if !s.virtual || name == "" || name[0] == '/' {
		return name
	}
	if s.dir == "/" {
		return "/" + name
	}
	return s.dir + "/" + name
}

// procDir is the directory that an applet or a process has to be told.
func (s *Shell) procDir() string {
	if s.virtual {
		return s.dir
	}
	return ""
}

// file is the file behind a descriptor, or nil.
func (s *Shell) file(fd int) *os.File {
	if fd < 0 || fd >= len(s.fds) {
		return nil
	}
	return s.fds[fd]
}

// halted reports whether the statements that follow are to be skipped. It is the place where signals
// are taken notice of.
func (s *Shell) halted() bool {
	if s.main && s.signals.pending.Load() != 0 && !s.inTrap {
		s.runTraps()
	}
	if s.flow.kind != flowNone {
		return true
	}
	if s.ctx.Err() != nil {
		s.flow.kind = flowInterrupt
		s.status = applet.StatusInterrupted
		return true
	}
	return false
}

func (s *Shell) exit(status int) {
	s.status = status & 0xff
	s.flow = flow{kind: flowExit}
}
