// Package itest holds whole hosts against the promises of ioc: real jails, killed and repaired.
//
// There is nothing in it but tests, which need Linux. It owns a picture of everything that one root has
// brought into being, as text (mounts, namespaces, control groups, processes, files, locks, records), and
// compares such pictures:
//
//   - the crash matrix kills every operation at every event and every probe of the engine, and at
//     points inside the effects, lets other processes recover, kills those too, and wants the picture
//     from before or the one from after;
//   - the power cuts end operations on files, and their recoveries, together with a file system of their own that
//     forgets what was not synced, and want the same;
//   - the leak tests start and stop jails, many times and many at once, and want nothing to be left.
//
// It refuses to know how anything is done: a rule here says which of two pictures is right, not how one
// gets there. An ordinary run takes a sample; with IOC_LONG=1 in the environment every cell is run.
package itest
