// Package zfs keeps datasets as ZFS file systems, in the layout of libioc, so that its pools are ours.
//
// It owns what is below the root, a file system such as tank/ioc:
//
//	releases/NAME           the small files; NAME/root@p0 is what jails are cloned from
//	releases/NAME/root      the root file system
//	jails/NAME              config.json, fstab
//	jails/NAME/root         the root file system, a clone; its snapshots are the jail's
//	trash                   not mounted: what was destroyed, until the operation has committed
//
// Names that begin with a dot are on their way: jails/.ID is being filled, jails/NAME/.ID is what a
// rollback has put aside, root@.ID is a snapshot without a name. What an effect makes carries the
// change's id as a user property from the moment it exists, so that an undo can tell it from another's of the
// same name; what an effect finds it knows by its GUID.
//
// A snapshot is one of jails/NAME/root alone: the configuration is not rolled back with the files. A rollback
// does not use zfs rollback, which cannot be undone: it clones the snapshot in the place of the file
// system, and promotes the clone and destroys the rest after the commit.
//
// It talks to ZFS by the zfs command alone, one process for a change and one for a question, however
// many datasets it is about. Only what every ZFS since pool version 23 prints is read: get -Hp, never list
// -p. There are modules for Go, and none that serves: mistifyio/go-zfs keeps to list -p, knows no
// context and gives errors as text; bicomsystems/go-libzfs and its likes need cgo. What is left of
// them once errors have kinds and a command can be waited for is one call of internal/run.
//
// Every command that changes something inherits the lock of the journal's slot. It may outlive ioc, and
// as long as it does nobody may undo what it is still doing.
//
// It refuses to know whether a jail runs, to mount or unmount what it has not to move, and to destroy
// what has clones.
package zfs
