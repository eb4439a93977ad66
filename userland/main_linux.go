package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
	"github.com/libioc/ioc/userland/internal/archive"
	"github.com/libioc/ioc/userland/internal/files"
	"github.com/libioc/ioc/userland/internal/network"
	"github.com/libioc/ioc/userland/internal/process"
	"github.com/libioc/ioc/userland/internal/shell"
	"github.com/libioc/ioc/userland/internal/text"
)

// program is what the multi-call binary itself is called.
const program = "userland"

// tables are the applets, package by package. They are looked through one after the other: building a
// map would cost every start more than it saves.
func tables() [][]applet.Applet {
	return [][]applet.Applet{
		shell.Applets(find), files.Applets(), text.Applets(), process.Applets(), archive.Applets(), network.Applets(),
	}
}

func find(name string) (applet.Applet, bool) {
	for _, table := range tables() {
		for _, a := range table {
			if a.Name == name {
				return a, true
			}
		}
	}
	return applet.Applet{}, false
}

func main() {
	args := os.Args
	if len(args) == 0 {
		os.Exit(2)
	}
	// A login shell is called with a dash before its name.
	name := strings.TrimPrefix(args[0][strings.LastIndexByte(args[0], '/')+1:], "-")
	a, ok := find(name)
	if !ok {
		if len(args) < 2 {
			usage(os.Stderr)
			os.Exit(2)
		}
		switch args[1] {
		case "--list":
			list()
			return
		case "--help":
			usage(os.Stdout)
			return
		}
		if a, ok = find(args[1]); !ok {
			fmt.Fprintf(os.Stderr, "%s: no applet called %q (%s --list names them)\n", program, args[1], program)
			os.Exit(127)
		}
		args = args[1:]
	}
	p := &applet.Proc{
		Args: args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Env: os.Environ(), Find: find, Login: strings.HasPrefix(args[0], "-"),
	}
	os.Exit(a.Exec(context.Background(), p))
}
