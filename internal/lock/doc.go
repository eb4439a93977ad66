// Package lock keeps two operations from changing one thing at once.
//
// It owns a table of names, each of which is held by one run alone or by several that share it. A
// [Dir] keeps the table in files under flock(2), so that it holds between processes and is empty of
// whoever died; [Memory] keeps it in the process. It refuses to know what the names stand for, to
// wait, and to take a lock away from its holder.
//
//	release, err := locks.Take("jails/web", false, "start", run)
//	if errors.Is(err, fault.Busy) // the cause is a *fault.HeldError: which operation, which PID, since when
package lock
