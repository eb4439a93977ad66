package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func names() []string {
	var all []string
	for _, table := range tables() {
		for _, a := range table {
			all = append(all, a.Name)
		}
	}
	slices.Sort(all)
	return all
}

func list() { fmt.Fprintln(os.Stdout, strings.Join(names(), "\n")) }

func usage(w io.Writer) {
	fmt.Fprintf(w, "Usage: %s APPLET [ARG]...\n       %s --list\n\nThe applets, each with a --help of its own:\n\n", program, program)
	line := " "
	for _, name := range names() {
		if len(line)+1+len(name) > 78 {
			fmt.Fprintln(w, line)
			line = " "
		}
		line += " " + name
	}
	fmt.Fprintln(w, line)
}
