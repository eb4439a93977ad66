// Package shell is the command interpreter of the userland: sh, for scripts and for people.
//
// Parsing and word expansion are mvdan.cc/sh's, which knows POSIX and most of Bash. Execution is here,
// because a login shell needs what a scripting library leaves out: file descriptors above 2, traps for
// signals, jobs that are real processes with real numbers, exec, umask and ulimit.
//
// # Processes
//
// Go cannot fork. So there are three ways to run something:
//
//   - Pipelines, ( ... ) and $( ... ) are copies of the shell's state, run by goroutines of one process.
//     They are gone before the next command begins, so nobody can tell, except by $BASHPID.
//   - Applets of the userland run inside the shell's process too, which makes a loop over cat 25 times
//     faster than a process for each. An applet that needs a process of its own says so (Alone).
//   - Whatever ends with & is a process: it can be killed, waited for and outlive the shell. A simple
//     command is started as it is; for anything else the program is started again and is handed the
//     shell's state (variables, functions, options) through a file descriptor.
//
// # Signals
//
// SIGINT ends what runs in the foreground: processes get it from the terminal, applets in this process
// by a cancelled context. A script without a trap simply dies of it, as every program does.
//
// The package refuses to know any applet: it gets a table to look names up in.
package shell
