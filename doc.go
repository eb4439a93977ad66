// Package ioc runs jails: on FreeBSD a jail is a jail(2), on Linux an isolated container.
//
// It is what a Go program imports. It owns one thing: the host, a root directory or dataset with
// everything below it, and from there leads to jails and releases. A jail comes in two forms with
// the same effect: one whose methods return when the work is done, and one whose methods return the
// operation, to be watched event by event (see package events).
//
// It refuses to know how anything is done: how a file system is cloned, a kernel object made or a
// change taken back is the matter of packages storage, sandbox and jail and of the back ends that
// internal/backend/all lists. It does not print or log, and reads the environment only where [Options] leave the place open.
package ioc
