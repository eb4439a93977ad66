package applet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errHelp ends a Run whose command line asked for help; the status is 0.
var errHelp = errors.New("help was printed")

// Options are the options of one applet: declared once, then used to parse and to print the help.
//
// Short options may be joined (-la), values may be joined or follow (-n5, -n 5, --lines=5, --lines 5),
// a unique beginning of a long name is enough, "--" ends the options.
type Options struct {
	p       *Proc
	opts    []*option
	notes   []string
	inOrder bool
	digits  func(string) error
}

type option struct {
	short byte
	long  string
	arg   string // name of the value in the help; empty for a flag
	help  string
	set   func(string) error
}

// Options starts the declaration of the applet's options.
func (p *Proc) Options() *Options { return &Options{p: p} }

// Func declares an option that calls f with its value, or with "" if arg is empty. Names are "n",
// "n lines" or "lines"; a name of one letter is the short one.
func (o *Options) Func(names, arg, help string, f func(string) error) {
	opt := &option{arg: arg, help: help, set: f}
	for name := range strings.FieldsSeq(names) {
		if len(name) == 1 {
			opt.short = name[0]
		} else {
			opt.long = name
		}
	}
	o.opts = append(o.opts, opt)
}

// Flag declares an option without a value.
func (o *Options) Flag(names, help string) *bool {
	v := new(bool)
	o.Func(names, "", help, func(string) error { *v = true; return nil })
	return v
}

// String declares an option with a value.
func (o *Options) String(names, arg, def, help string) *string {
	v := &def
	o.Func(names, arg, help, func(s string) error { *v = s; return nil })
	return v
}

// Int declares an option with a whole number.
func (o *Options) Int(names, arg string, def int, help string) *int {
	v := &def
	o.Func(names, arg, help, func(s string) (err error) {
		*v, err = strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		return nil
	})
	return v
}

// List declares an option that may be given more than once.
func (o *Options) List(names, arg, help string) *[]string {
	v := new([]string)
	o.Func(names, arg, help, func(s string) error { *v = append(*v, s); return nil })
	return v
}

// Ignored declares options that are accepted because scripts use them, and do nothing.
func (o *Options) Ignored(names string) {
	o.Func(names, "", "", func(string) error { return nil })
}

// Digits makes -NUMBER an option, as in `head -5`.
func (o *Options) Digits(f func(string) error) { o.digits = f }

// InOrder ends the options at the first operand: what follows is somebody else's command line.
func (o *Options) InOrder() { o.inOrder = true }

// Note adds a paragraph to the end of the help.
func (o *Options) Note(text string) { o.notes = append(o.notes, text) }

// Parse reads the applet's arguments and returns the operands. After --help it returns an error that
// the applet hands back.
func (o *Options) Parse() ([]string, error) {
	var operands []string
	args := o.p.Args
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		var err error
		switch {
		case arg == "--":
			return append(operands, args...), nil
		case strings.HasPrefix(arg, "--"):
			args, err = o.long(arg[2:], args)
		case len(arg) > 1 && arg[0] == '-':
			if o.digits != nil && isDigits(arg[1:]) {
				err = o.digits(arg[1:])
				break
			}
			args, err = o.short(arg[1:], args)
		default:
			if o.inOrder {
				return append([]string{arg}, args...), nil
			}
			operands = append(operands, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return operands, nil
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (o *Options) long(arg string, rest []string) ([]string, error) {
	name, value, joined := strings.Cut(arg, "=")
	opt, err := o.findLong(name)
	if err != nil {
		return nil, err
	}
	if opt == nil {
		if name == "help" {
			o.printHelp()
			return nil, errHelp
		}
		return nil, Usagef("unknown option --%s", name)
	}
	switch {
	case opt.arg == "" && joined:
		return nil, Usagef("option --%s takes no value", opt.long)
	case opt.arg != "" && !joined:
		if len(rest) == 0 {
			return nil, Usagef("option --%s needs a value: %s", opt.long, opt.arg)
		}
		value, rest = rest[0], rest[1:]
	}
	if err := opt.set(value); err != nil {
		return nil, Usagef("option --%s: %s", opt.long, err)
	}
	return rest, nil
}

func (o *Options) findLong(name string) (*option, error) {
	var found *option
	for _, opt := range o.opts {
		if opt.long == name {
			return opt, nil
		}
		if name != "" && opt.long != "" && strings.HasPrefix(opt.long, name) && name != "help" {
			if found != nil {
				return nil, Usagef("option --%s is ambiguous", name)
			}
			found = opt
		}
	}
	return found, nil
}

func (o *Options) short(cluster string, rest []string) ([]string, error) {
	for i := 0; i < len(cluster); i++ {
		c := cluster[i]
		opt := o.findShort(c)
		if opt == nil {
			return nil, Usagef("unknown option -%c", c)
		}
		value := ""
		if opt.arg != "" {
			value = cluster[i+1:]
			i = len(cluster)
			if value == "" {
				if len(rest) == 0 {
					return nil, Usagef("option -%c needs a value: %s", c, opt.arg)
				}
				value, rest = rest[0], rest[1:]
			}
		}
		if err := opt.set(value); err != nil {
			return nil, Usagef("option -%c: %s", c, err)
		}
	}
	return rest, nil
}

func (o *Options) findShort(c byte) *option {
	for _, opt := range o.opts {
		if opt.short == c {
			return opt
		}
	}
	return nil
}

// Help prints a help text for an applet that does not parse options itself. It returns true, and Run
// returns nil, if the only argument is --help.
func (p *Proc) Help(text string) bool {
	if len(p.Args) != 1 || p.Args[0] != "--help" {
		return false
	}
	p.usage()
	if text != "" {
		p.Printf("\n%s\n", strings.Trim(text, "\n"))
	}
	return true
}

func (p *Proc) usage() {
	p.Printf("Usage: %s\n%s\n", strings.TrimSpace(p.Name+" "+p.applet.Args), p.applet.About)
}

func (o *Options) printHelp() {
	p := o.p
	p.usage()
	p.Printf("\n")
	line := func(left, help string) {
		for i, text := range strings.Split(help, "\n") {
			if i > 0 {
				left = ""
			}
			if i == 0 && len(left) > 22 {
				p.Printf("  %s\n", left)
				left = ""
			}
			p.Printf("  %-23s %s\n", left, text)
		}
	}
	for _, opt := range o.opts {
		if opt.help == "" {
			continue
		}
		var left string
		switch {
		case opt.short != 0 && opt.long != "":
			left = fmt.Sprintf("-%c, --%s", opt.short, opt.long)
		case opt.short != 0:
			left = fmt.Sprintf("-%c", opt.short)
		default:
			left = "    --" + opt.long
		}
		if opt.arg != "" {
			if opt.long != "" {
				left += "="
			} else {
				left += " "
			}
			left += opt.arg
		}
		line(left, opt.help)
	}
	line("    --help", "show this help")
	for _, note := range o.notes {
		p.Printf("\n%s\n", strings.Trim(note, "\n"))
	}
}
