package storage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/libioc/ioc/fault"
)

// UsersError is the cause of a Busy error: others depend on what was to go. Find it with errors.AsType[*UsersError].
type UsersError struct{ By []Dataset }

func (e *UsersError) Error() string { return "used by " + join(e.By) }

// NewerError is the cause of a Busy error of Rollback. Find it with errors.AsType[*NewerError].
type NewerError struct{ Snapshots []SnapshotName }

func (e *NewerError) Error() string {
	if len(e.Snapshots) == 1 {
		return "snapshot " + string(e.Snapshots[0]) + " is newer"
	}
	return "snapshots " + join(e.Snapshots) + " are newer"
}

func join[T any](all []T) string {
	const most = 10
	var b strings.Builder
	for i, v := range all {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(all)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, v)
	}
	return b.String()
}

// The errors of drivers are made here, so that all say the same of the same.

// NotFound is that of an origin that is not there.
func NotFound(op string, o Origin) error { return fault.New(op, fault.NotFound, o.String(), nil) }

// Exists is that of a name that is taken.
func Exists(op string, o Origin) error { return fault.New(op, fault.Exists, o.String(), nil) }

// Running is that of a change that a running jail forbids.
func Running(op string, d Dataset, why string) error {
	return fault.New(op, fault.Busy, d.String(), errors.New("it is running: "+why)).
		WithRemedy("stop " + string(d.Name) + " first")
}

// InUse is that of a change that would break others.
func InUse(op string, o Origin, by []Dataset) error {
	return fault.New(op, fault.Busy, o.String(), &UsersError{by}).
		WithRemedy("destroy " + join(by) + " first")
}

// HasNewer is that of a rollback that would destroy newer snapshots.
func HasNewer(o Origin, newer []SnapshotName) error {
	return fault.New("rollback", fault.Busy, o.String(), &NewerError{newer}).
		WithRemedy("roll back to the newest snapshot, or say that the newer ones shall be destroyed")
}

// Changed is that of an effect that found another state than the one it was planned for.
func Changed(op string, o Origin) error {
	return fault.New(op, fault.Busy, o.String(), errors.New("it has changed since the change was planned")).
		WithRemedy("try again")
}

// NoSnapshots is that of a snapshot of something that has none.
func NoSnapshots(op string, d Dataset) error {
	return fault.New(op, fault.Invalid, d.String(), errors.New("a release does not change, so it has no snapshots"))
}
