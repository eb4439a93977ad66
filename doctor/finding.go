package doctor

import (
	"context"

	"github.com/libioc/ioc/events"
)

// Class says how bad a finding is.
type Class string

// The classes.
const (
	Debris Class = "debris" // left behind by something that is no more, and of use to nobody
	Damage Class = "damage" // something that is in use, or was to be, is not as it must be
	Advice Class = "advice" // nothing is wrong; the host could do more
)

// Finding is one thing that is not in order.
type Finding struct {
	Kind    string // "layer.unused": what sort of thing; stable
	Subject string // which one: a path, a name
	Class   Class
	Text    string // what it is
	Proof   string // why it is debris, and how one knows whose; empty for advice
	Remedy  string // what mending does or, if it does nothing, what a person can do

	// Marks are names, each of them used once and never again, one of which every record of the thing's
	// maker has. While such a record is there it is no debris. None: the finding does not depend on records.
	Marks []string

	// Jail is whose lock is needed to mend it; empty: nobody's.
	Jail string

	// Mend puts it right; nil: only a person can, or Recovery does.
	Mend Mend

	// Recovery says that the recovery with which every mending begins puts it right.
	Recovery bool

	Err error // of a mending: why it is still there
}

// Mendable reports whether mending is worth a try.
func (f *Finding) Mendable() bool { return f.Mend != nil || f.Recovery }

// Mend changes the system, as steps below s. It looks again whether there still is anything to mend, for
// others have been at work since the finding was made. An [events.Change] is one.
type Mend interface{ Apply(s events.Step) error }

// Inspector looks for what is not in order among the things of one maker. It changes nothing, holds no
// lock for longer than a moment, and says nothing about things of others. An error says that it could not
// look everywhere; what it has found is valid all the same.
type Inspector interface {
	Inspect(ctx context.Context) ([]Finding, error)
}

// Func is an Inspector.
type Func func(ctx context.Context) ([]Finding, error)

// Inspect calls f.
func (f Func) Inspect(ctx context.Context) ([]Finding, error) { return f(ctx) }
