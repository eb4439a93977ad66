// Package rehearsal is a back end in which nothing is done, on top of one in which things are: it is how an operation tells what
// it would do.
//
// It owns a picture of the storage and the jails of a host, which begins as they are and which effects change as if they were
// done. They are the ones that the host's own drivers have planned, so that a rehearsal goes through the same steps as the
// operation itself; what the drivers cannot plan, because it builds on what is not there yet, is planned by package mem.
//
// It refuses to do, undo, start or signal anything outside, and knows only what a driver tells before an effect is done: which
// address a bridge will have free, or what a command will say, it does not.
package rehearsal
