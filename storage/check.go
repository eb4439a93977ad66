package storage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/libioc/ioc/fault"
)

// Check refuses what no driver does: a clone under a bad name, or one that is no jail.
func (o CloneOptions) Check(src Origin, dst Dataset) error {
	if err := errors.Join(src.Validate(), dst.Validate()); err != nil {
		return err
	}
	if dst.Kind != Jails {
		return fault.New("clone", fault.Invalid, dst.String(), errors.New("only a jail can be a clone"))
	}
	return nil
}

// Check refuses what no driver does: to make a jail of a release, and to rename a jail that runs. A
// rename to the same name is none, whatever else.
func (o RenameOptions) Check(from, to Dataset) error {
	if err := to.Validate(); err != nil {
		return err
	}
	switch {
	case from.Kind != to.Kind:
		return fault.New("rename", fault.Invalid, from.String(), errors.New("a jail stays a jail, and a release a release"))
	case o.Running && from != to:
		return Running("rename", from, "it is known by its name")
	default:
		return nil
	}
}

// Check refuses what no driver does to d, whose snapshots newer than n are given: to roll back under a
// jail that runs, and to destroy them unasked.
func (o RollbackOptions) Check(d Dataset, n SnapshotName, newer []SnapshotName) error {
	switch {
	case o.Running:
		return Running("rollback", d, "its files would change under it")
	case len(newer) > 0 && !o.DestroyNewer:
		return HasNewer(d.At(n), newer)
	default:
		return nil
	}
}

// CheckFile refuses a name that no small file of d may have: what is not one path element, what begins
// with a dot and, of Global, what does not end in ".json", because other things are there too.
func CheckFile(d Dataset, name string) error {
	if d != Global() {
		if err := d.Validate(); err != nil {
			return err
		}
	}
	if !ValidPath(name) || strings.Contains(name, "/") || name[0] == '.' || d == Global() && !strings.HasSuffix(name, ".json") {
		return fault.New("file", fault.Invalid, d.String(), fmt.Errorf("%q is no name for a file of a dataset", name))
	}
	return nil
}
