//go:build linux

package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/files"
	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
)

// option is an option of set, by its letter and its name. Those without a place are taken and ignored.
type option struct {
	letter byte
	name   string
	value  func(o *options) *bool
}

func setOptions() []option {
	ignored := func(*options) *bool { return new(bool) }
	return []option{
		{'a', "allexport", func(o *options) *bool { return &o.AllExport }},
		{'b', "notify", ignored},
		{'C', "noclobber", func(o *options) *bool { return &o.NoClobber }},
		{'e', "errexit", func(o *options) *bool { return &o.ErrExit }},
		{'f', "noglob", func(o *options) *bool { return &o.NoGlob }},
		{'h', "hashall", ignored},
		{'m', "monitor", func(o *options) *bool { return &o.Monitor }},
		{'n', "noexec", func(o *options) *bool { return &o.NoExec }},
		{'u', "nounset", func(o *options) *bool { return &o.NoUnset }},
		{'v', "verbose", func(o *options) *bool { return &o.Verbose }},
		{'x', "xtrace", func(o *options) *bool { return &o.XTrace }},
		{0, "ignoreeof", ignored},
		{0, "pipefail", func(o *options) *bool { return &o.PipeFail }},
		{0, "posix", ignored},
		{'E', "errtrace", ignored},
		{'B', "braceexpand", ignored},
		{'H', "histexpand", ignored},
		{0, "emacs", ignored},
		{0, "vi", ignored},
	}
}

// setOption sets an option by letter or name; ok is false if there is none.
func (s *Shell) setOption(letter byte, name string, on bool) (ok bool) {
	for _, o := range setOptions() {
		if letter != 0 && o.letter == letter || letter == 0 && o.name == name {
			*o.value(&s.opt) = on
			s.configure()
			return true
		}
	}
	return false
}

func set(s *Shell, args []string) int {
	args = args[1:]
	if len(args) == 0 {
		vars := map[string]string{}
		environ{s}.Each(func(name string, v expand.Variable) bool {
			_, line, _ := strings.Cut(declarationText(name, v), name+"=")
			vars[name] = line
			return true
		})
		for _, name := range sortedKeys(vars) {
			if !s.write(1, name+"="+vars[name]+"\n") {
				return 1
			}
		}
		return 0
	}
	rest, ok := s.parseSet(args)
	if !ok {
		return 2
	}
	if rest != nil {
		s.params = rest
	}
	return 0
}

// parseSet reads options as set and sh take them. It returns the operands, or nil if there were none.
func (s *Shell) parseSet(args []string) (rest []string, ok bool) {
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			return append([]string{}, args[1:]...), true
		}
		if arg == "-" {
			s.setOption('x', "", false)
			s.setOption('v', "", false)
			args = args[1:]
			if len(args) == 0 {
				return nil, true
			}
			return args, true
		}
		if len(arg) < 2 || arg[0] != '-' && arg[0] != '+' {
			return append([]string{}, args...), true
		}
		args = args[1:]
		on := arg[0] == '-'
		for i := 1; i < len(arg); i++ {
			if arg[i] != 'o' {
				if !s.setOption(arg[i], "", on) {
					s.errorf("set: unknown option %c%c", arg[0], arg[i])
					return nil, false
				}
				continue
			}
			if len(args) == 0 {
				s.listOptions(on)
				return nil, true
			}
			if !s.setOption(0, args[0], on) {
				s.errorf("set: unknown option %s", args[0])
				return nil, false
			}
			args = args[1:]
		}
	}
	return nil, true
}

func (s *Shell) listOptions(readable bool) {
	for _, o := range setOptions() {
		on := *o.value(&s.opt)
		if readable {
			s.write(1, fmt.Sprintf("%-12s %s\n", o.name, map[bool]string{true: "on", false: "off"}[on]))
		} else {
			s.write(1, "set "+map[bool]string{true: "-o ", false: "+o "}[on]+o.name+"\n")
		}
	}
}

func (o *options) shoptTable() map[string]*bool {
	return map[string]*bool{
		"globstar": &o.GlobStar, "nullglob": &o.NullGlob, "dotglob": &o.DotGlob, "extglob": &o.ExtGlob,
		"nocaseglob": &o.NoCaseGlob, "expand_aliases": &o.Aliases,
	}
}

func shopt(s *Shell, args []string) int {
	args = args[1:]
	mode := byte(0)
	for len(args) > 0 && len(args[0]) == 2 && args[0][0] == '-' {
		mode = args[0][1]
		args = args[1:]
	}
	table := s.opt.shoptTable()
	names := args
	if len(names) == 0 {
		for name := range table {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	status := 0
	for _, name := range names {
		v, ok := table[name]
		switch {
		case !ok:
			s.errorf("shopt: unknown option %s", name)
			status = 1
		case mode == 's' || mode == 'u':
			*v = mode == 's'
		case mode == 'q':
			status |= btoi(!*v)
		default:
			s.write(1, fmt.Sprintf("%-15s %s\n", name, map[bool]string{true: "on", false: "off"}[*v]))
			if len(args) > 0 {
				status |= btoi(!*v)
			}
		}
	}
	s.configure()
	return status
}

// umaskBuiltin changes the mask of the process. A subshell puts it back at its end.
func umaskBuiltin(s *Shell, args []string) int {
	now := unix.Umask(0o22)
	unix.Umask(now)
	args = args[1:]
	symbolic := false
	for len(args) > 0 && (args[0] == "-S" || args[0] == "-p") {
		symbolic = symbolic || args[0] == "-S"
		args = args[1:]
	}
	if len(args) == 0 {
		if !symbolic {
			s.write(1, fmt.Sprintf("%04o\n", now))
			return 0
		}
		part := func(bits int) string {
			out := ""
			for i, c := range "rwx" {
				if bits>>(2-i)&1 == 0 {
					out += string(c)
				}
			}
			return out
		}
		s.write(1, fmt.Sprintf("u=%s,g=%s,o=%s\n", part(now>>6), part(now>>3), part(now)))
		return 0
	}
	mask, err := strconv.ParseUint(args[0], 8, 16)
	if err != nil || mask > 0o777 {
		allowed, merr := files.ParseMode(args[0], uint32(^now&0o777), false, 0)
		if merr != nil {
			s.errorf("umask: bad mask %s", args[0])
			return 1
		}
		mask = uint64(^allowed & 0o777)
	}
	if !s.main && s.umask < 0 {
		s.umask = now
	}
	unix.Umask(int(mask))
	return 0
}

// limit is a resource that ulimit knows.
type limit struct {
	letter   byte
	resource int
	unit     uint64
	what     string
}

func limits() []limit {
	return []limit{
		{'c', unix.RLIMIT_CORE, 512, "core file size (blocks)"},
		{'d', unix.RLIMIT_DATA, 1024, "data segment (KiB)"},
		{'f', unix.RLIMIT_FSIZE, 512, "file size (blocks)"},
		{'l', unix.RLIMIT_MEMLOCK, 1024, "locked memory (KiB)"},
		{'m', unix.RLIMIT_RSS, 1024, "resident memory (KiB)"},
		{'n', unix.RLIMIT_NOFILE, 1, "open files"},
		{'s', unix.RLIMIT_STACK, 1024, "stack (KiB)"},
		{'t', unix.RLIMIT_CPU, 1, "processor time (seconds)"},
		{'u', unix.RLIMIT_NPROC, 1, "processes"},
		{'v', unix.RLIMIT_AS, 1024, "address space (KiB)"},
	}
}

func ulimit(s *Shell, args []string) int {
	hard, soft, all, letter := false, false, false, byte('f')
	value := ""
	for _, arg := range args[1:] {
		if len(arg) > 1 && arg[0] == '-' {
			for _, c := range arg[1:] {
				switch c {
				case 'H':
					hard = true
				case 'S':
					soft = true
				case 'a':
					all = true
				default:
					letter = byte(c)
				}
			}
			continue
		}
		value = arg
	}
	show := func(l limit) string {
		var r unix.Rlimit
		unix.Getrlimit(l.resource, &r)
		n := r.Cur
		if hard {
			n = r.Max
		}
		if n == unix.RLIM_INFINITY {
			return "unlimited"
		}
		return strconv.FormatUint(n/l.unit, 10)
	}
	for _, l := range limits() {
		switch {
		case all:
			s.write(1, fmt.Sprintf("-%c: %-26s %s\n", l.letter, l.what, show(l)))
		case l.letter != letter:
		case value == "":
			s.write(1, show(l)+"\n")
			return 0
		default:
			return s.setLimit(l, value, hard || !soft, soft || !hard)
		}
	}
	if !all {
		return s.usage("ulimit", fmt.Sprintf("unknown limit -%c", letter))
	}
	return 0
}

func (s *Shell) setLimit(l limit, value string, hard, soft bool) int {
	n := uint64(unix.RLIM_INFINITY)
	if value != "unlimited" {
		v, err := strconv.ParseUint(value, 10, 63)
		if err != nil {
			return s.usage("ulimit", fmt.Sprintf("%q is not a number", value))
		}
		n = v * l.unit
	}
	var r unix.Rlimit
	err := unix.Getrlimit(l.resource, &r)
	if hard {
		r.Max = n
	}
	if soft {
		r.Cur = n
	}
	if err == nil {
		err = unix.Setrlimit(l.resource, &r)
	}
	if err != nil {
		s.errorf("ulimit: %s: %s", l.what, err)
		return 1
	}
	return 0
}
