// Command userland is the whole userland of a small Linux jail in one static program: a shell and the
// utilities that people expect beside it.
//
// It is called by the name of an applet, through a link, or with the name as its first argument:
//
//	ln -s userland ls && ./ls -l
//	userland ls -l
//	userland --list
//	userland --help
//
// Every applet knows --help. The shell runs applets in its own process where that cannot be noticed.
//
// It is a module of its own, so that nobody who imports ioc requires what only this program needs.
package main
