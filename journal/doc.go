// Package journal keeps what a run must undo where it survives the process, and undoes it when the
// process did not.
//
// A journal is a directory. Every live run that has registered an effect holds one slot of it, a
// file with one log of records, by flock: the kernel drops the lock when the process dies, so nobody
// guesses at PIDs. What a committed run keeps (a started jail) lies beside the slots under its key.
//
//	j, err := journal.Open("/var/lib/ioc/journal", journal.Options{})
//	op.Do(ctx, events.WithJournal(j), events.WithRegistry(reg))  // registers before every effect
//	j.Recover(reg).Do(ctx)                                       // undoes what dead runs left
//	j.Release("jail/web", reg).Do(ctx)                           // undoes what a run retained
//
// The package owns the format on disk, its behaviour under kill -9, power cuts, full disks and rot,
// and the operations Recover and Release. It refuses to know what an effect is about: it sees names
// and bytes, and a registry that knows them. DESIGN.md has the format and the reasons.
//
// # Durability
//
// A record that survives its Append survives kill -9. With PowerSafe, the default, it survives a
// power cut too unless it is volatile: an effect that a reboot takes away needs no record after it.
// A run of volatile effects alone never waits for a disk.
//
// # Concurrency
//
// A Journal may be used from many goroutines, and any number of processes may use one directory.
// Queries take no lock and never wait for an operation.
package journal
