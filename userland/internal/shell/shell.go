//go:build linux

package shell

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Applets lists the package's applets.
func Applets(find applet.Find) []applet.Applet {
	run := func(ctx context.Context, p *applet.Proc) error { return sh(ctx, p) }
	return []applet.Applet{
		{Name: "sh", Args: "[OPTION]... [-c COMMAND | FILE] [ARG]...", About: "The shell.", Run: run, Alone: true},
	}
}

func sh(ctx context.Context, p *applet.Proc) error {
	var file *syntax.File
	var err error
	args := p.Args
	if len(args) > 1 && args[0] == "-c" {
		file, err = syntax.NewParser().Parse(strings.NewReader(args[1]), "sh")
		args = args[2:]
	} else if len(args) > 0 {
		text, rerr := os.ReadFile(args[0])
		if rerr != nil {
			return rerr
		}
		file, err = syntax.NewParser().Parse(strings.NewReader(string(text)), args[0])
		args = args[1:]
	} else {
		file, err = syntax.NewParser().Parse(os.Stdin, "sh")
	}
	if err != nil {
		return err
	}
	r, err := interp.New(interp.StdIO(os.Stdin, os.Stdout, os.Stderr), interp.Params(append([]string{"--"}, args...)...))
	if err != nil {
		return err
	}
	err = r.Run(ctx, file)
	if s, ok := errors.AsType[interp.ExitStatus](err); ok {
		return applet.Exit(int(s))
	}
	return err
}
