// Package cli is the ioc command: one file for each of its commands.
//
// It owns words, arguments and flags, what is printed where, signals, the terminal and the exit code.
// It refuses to know how anything is done: every command asks package ioc for an operation, shows its
// stream of events and turns the outcome into text and a number. Results go to standard output, progress
// and errors to standard error.
//
//	os.Exit(cli.Main(cli.Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
//		Getenv: os.Getenv}))
package cli

//go:generate go test -count=1 -run ^TestDocument$ -update .
