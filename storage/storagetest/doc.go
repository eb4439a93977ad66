// Package storagetest is the suite that every storage.Driver passes.
//
// It owns what the contract means in practice: content, owners, modes, attributes, links and deleted
// files after clones, snapshots and rollbacks; every effect done and undone, undone twice, undone
// without having been done, undone by another process from its encoded form, and killed between any
// two of its steps; names that are taken; datasets used at once; and that nothing is left in the end.
//
// It refuses to know any driver. What differs it reads from storage.Features; how a jail's files are
// reached and what the driver keeps, a World tells it.
package storagetest
