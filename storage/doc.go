// Package storage is the contract between jails and whatever keeps their files.
//
// It owns the nouns: a [Dataset] holds one root file system (of a release or of a jail) and a few
// small files beside it; a [Snapshot] is a named earlier state of a dataset; a [Change] is what to
// do to get from one state to another, as effects. A [Driver] answers questions and plans changes.
// Every driver passes the suite in storage/storagetest.
//
// It refuses to know how anything is kept (layers, clones, copies, a map in memory), what a jail is
// beyond its name, whether one runs (the caller says so in the options), and who else is at work:
// the caller holds the lock of each dataset it changes, from the plan to the end of the operation.
//
//	c, err := d.Clone(ctx, storage.Release("embedded").Now(), storage.Jail("web"), storage.CloneOptions{})
//	if err != nil {
//		return err // refused: nothing was done
//	}
//	return c.Apply(s) // journaled, done, and undone with step s
//
// A plan is made from what is there when it is asked for. If that has changed when its effects are
// applied, they fail and touch nothing; so a plan is made right before it is applied.
package storage
