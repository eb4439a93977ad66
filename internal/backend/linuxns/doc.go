// Package linuxns runs jails as Linux namespaces.
//
// It owns how a [sandbox.Spec] becomes a process that the kernel isolates: which namespaces, mounts,
// identities, filters and limits, in which order, how the result is found again and how it is ended. It
// needs no program but the one it is part of: that one is executed again as the jail's first process (see
// package stage), sets up the inside, and executes the jail's own program. It refuses to know what is in
// the root file system, and whom a network interface belongs to.
//
// Devices need no rule of a cgroup. A jail's root may make nodes, which programs that unpack archives expect, and they are of
// use nowhere: every mount of a jail is one without devices, but for its terminals and the nodes that it was given, and in
// those it can make none (mountinfo tells; TestHardeningNodes). Nor can it mount anything itself. So that this holds with
// cgroups of both versions, and for ordinary users, nothing is asked of the devices controller, nor of BPF.
//
// Starting a jail is two effects. cgroup.create makes the directories that hold the jail's processes,
// sandbox.spawn starts the first one. Undone in the other order they kill everything in the jail, wait
// until it is gone, and remove the directories.
//
// What makes a crash harmless is who is born where. The first process is a child of the caller until the
// caller dies, is in its own cgroup from birth, and waits for its instructions: if those do not come
// completely, it ends by itself. A file in the driver's directory, made before, is locked by the half
// started process and gets its identity as soon as there is one; so an undo in another process, which
// knows nothing but names, finds whatever there is, and knows when nothing more can come.
package linuxns
