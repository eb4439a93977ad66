// Package tinyinit makes the program that is process 1 of a jail without a process of its own.
//
// It owns that program's source and how its bytes are made: [ELF] assembles the listing in program.go
// into a static executable of about half a kilobyte, for the asked architecture. Nothing binary is kept
// in the repository, and no other program has a part in it. It refuses to run anything.
//
// The program keeps three pages of memory. It holds the jail's namespaces by existing, waits for
// orphans that end, and passes signals on:
//
//   - SIGTERM goes to every process of the jail; when the last has ended, or after an hour,
//     the program ends, and with it whatever is left.
//   - Any other signal that can be blocked, but SIGCHLD, goes to every process of the jail.
package tinyinit
