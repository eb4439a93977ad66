package ioc

import (
	"log/slog"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/download"
)

// PruneOptions say what to remove.
type PruneOptions struct {
	// Age is how long nobody has touched a download that goes. A fetch that is at work must not lose what
	// it has just downloaded, so it should not be less than what that takes. 0: an hour.
	Age time.Duration
	// DryRun tells only how much it is.
	DryRun bool
}

// Pruning is the payload of removing what nobody needs.
type Pruning struct{ DryRun bool }

// EventType is host.prune.
func (*Pruning) EventType() string { return "host.prune" }

// EventTitle is for people.
func (p *Pruning) EventTitle() string {
	if p.DryRun {
		return "look for what nobody needs"
	}
	return "remove what nobody needs"
}

// Pruned says how much it was.
type Pruned struct{ Bytes int64 }

// AppendAttrs adds the number.
func (p Pruned) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int64("bytes", p.Bytes))
}

// Prune removes downloads: archives, layers and packages that releases were made of. None is needed by a release or
// a jail; without them the next fetch of the same downloads them again. They go when the operation has
// committed. What else nobody needs is debris, which [Host.Examine] finds and [Host.Mend] removes.
func (h *Host) Prune(o PruneOptions) events.Op[Pruned] {
	if o.Age == 0 {
		o.Age = time.Hour
	}
	return events.New(&Pruning{o.DryRun}, func(s events.Step) (p Pruned, err error) {
		if h.sources.cache == nil {
			return p, events.Skip("a dry run keeps no downloads")
		}
		before := h.keeper.Now().Add(-o.Age)
		if p.Bytes, err = h.sources.cache.Prune(s.Context(), s.Run(), before, true); err != nil {
			return p, err
		}
		s.Result(p)
		if p.Bytes == 0 {
			return p, events.Skip("there is nothing to remove")
		}
		if o.DryRun {
			return p, nil
		}
		return p, s.Defer(&download.Purge{Dir: h.sources.cache.Dir, Before: before})
	}).With(h.preset...)
}
