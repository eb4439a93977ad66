// Package overlay keeps datasets as layers for the Linux overlay file system, in any directory of a
// local file system, with or without privileges.
//
// It owns what is below the root directory:
//
//	releases/NAME/{root,storage.json,...}  a base system; read-only once it is there
//	jails/NAME/{storage.json,...}          which layers make the jail, and its small files
//	layers/ID/{fs,work}                    a layer: written by one jail, or frozen and shared
//	trash/ID                               what was destroyed, until the operation has committed
//
// A jail's storage.json names the layer it writes to, the frozen ones below, newest first, and the
// release at the bottom. It is replaced in one piece, and that is the moment when a snapshot, a
// rollback or a clone happens: layers are made before, under ids that nobody else has, and removed
// after the commit when no storage.json names them any more. There is no jails/NAME/root as there is for a
// release: what a jail shows is put together where it is mounted, in its own mount namespace. So a layer never moves, a jail can be
// renamed or destroyed whoever shares its layers, and a change that was killed halfway has left at
// most a layer that nobody uses.
//
// Where the kernel refuses to mount an overlay on the root directory, new jails are plain copies
// (shared by reflink where the file system can): the same layout with one layer that holds everything.
//
// It refuses to mount anything itself, to know whether a jail runs, and to change a layer while it
// does: a snapshot of a running jail is refused, because the kernel's behaviour would be undefined.
package overlay
