// Package stage is what runs inside a new jail before the jail's own program does.
//
// A program that starts jails imports it first. The program is executed again as a jail's first or
// joining process, with [Environ] as its environment; then this package's init never returns: it reads
// a [Program] from a descriptor, carries out its steps one after the other, and the last step executes
// the jail's program. That is the one place where an init function is needed: after the others have run
// it would be too late, their start-up would be paid at every start of a jail. For the same reason the
// package imports next to nothing.
//
// It owns the steps: each is one thing done to the process or its namespaces by the kernel's newest
// interface for it. It refuses to know what a jail is: which steps, in which order, with which
// arguments is the program's to say, and programs are made by package linuxns.
//
// The process trusts its parent and nothing else. A parent that dies before the program is complete ends
// it. Nothing of the jail's file system is followed through a symbolic link, and descriptors are closed
// by the kernel when the jail's program is executed.
package stage
