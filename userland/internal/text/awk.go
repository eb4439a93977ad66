package text

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/benhoyt/goawk/interp"
	"github.com/benhoyt/goawk/parser"
	"github.com/libioc/ioc/userland/internal/applet"
)

func awk(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	fs := o.String("F field-separator", "FS", "", "fields are separated by FS")
	vars := o.List("v assign", "NAME=VALUE", "set a variable before the program begins")
	files := o.List("f file", "FILE", "read the program from FILE; may be given more than once")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	var src strings.Builder
	for _, name := range *files {
		text, err := readAll(ctx, p, name)
		if err != nil {
			return err
		}
		src.WriteString(text + "\n")
	}
	if len(*files) == 0 {
		if len(args) == 0 {
			return applet.Usagef("a program is needed")
		}
		src.WriteString(args[0])
		args = args[1:]
	}
	prog, err := parser.ParseProgram([]byte(src.String()), nil)
	if err != nil {
		p.Errorf("%s", err)
		return applet.Exit(2)
	}
	config := &interp.Config{
		Stdin: p.Stdin, Output: p.Out(), Error: p.Stderr,
		Argv0: p.Name, Args: args,
		ShellCommand: []string{"/bin/sh", "-c"},
		Environ:      []string{},
	}
	if *fs != "" {
		sep := *fs
		if sep == "t" {
			sep = "\t" // as POSIX has it
		}
		config.Vars = append(config.Vars, "FS", sep)
	}
	for _, v := range *vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return applet.Usagef("-v %q is not NAME=VALUE", v)
		}
		value, _ = expandEscapes(value, false)
		config.Vars = append(config.Vars, name, value)
	}
	for _, kv := range p.Env {
		if k, v, ok := strings.Cut(kv, "="); ok {
			config.Environ = append(config.Environ, k, v)
		}
	}
	status, err := interp.ExecProgram(prog, config)
	if err != nil {
		if _, ok := errors.AsType[*interp.Error](err); ok {
			err = fmt.Errorf("%w", err)
		}
		p.Errorf("%s", err)
		return applet.Exit(2)
	}
	if status != 0 {
		return applet.Exit(status)
	}
	return nil
}
