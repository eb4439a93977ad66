// Package jail owns what can be done with a jail: create, start, stop, restart, destroy, enter, rename,
// clone, snapshot, roll back, set. Each is an operation (see package events) that is composed of the effects
// of the storage and of the sandbox, in the order that lets every one of them be undone.
//
// A jail is a dataset of the storage, a config.json beside it and, while it runs, the effects that its
// start retained in the journal under [Key]. Nothing else says that it runs: stopping it is undoing
// those, whatever its configuration says by then.
//
// It refuses to know which storage, kernel or journal there is, and an operating system: all of it comes
// in a [Keeper].
//
//	k := &jail.Keeper{Storage: storage, Sandbox: sandbox, Locks: locks, Records: records, ...}
//	for ev := range k.Start("web").Events(ctx, journal, registry) { ... }
//
// # How an operation goes
//
//	lock       the jail, and what it is made from, for the run and until its rollback is over
//	recover    what dead runs left, if there are any
//	look       at the jail: an operation whose goal holds is skipped, one that makes no sense is refused
//	settle     a jail that is not what it seems: one whose first process died is stopped properly
//	claim      the locks, in the journal, so that recovery takes them before it undoes
//	apply      the effects
package jail

//go:generate go test -count=1 -run ^TestDocument$ -update .
