package download

import (
	"context"
	"os"
	"time"

	"github.com/libioc/ioc/events"
)

// Purge is the effect that removes what Prune would. It cannot be undone: it is to be deferred.
type Purge struct {
	Dir    string
	Before time.Time // what was touched since then stays
}

// EventType is the effect's name in events.
func (*Purge) EventType() string { return "download.purge" }

// EventTitle is for people.
func (*Purge) EventTitle() string { return "remove downloads that nobody needs" }

// EventKey is the directory.
func (e *Purge) EventKey() string { return e.Dir }

// Do removes them. It can be repeated.
func (e *Purge) Do(ctx context.Context) error {
	_, err := (&Cache{Dir: e.Dir}).Prune(ctx, &events.RunInfo{PID: os.Getpid()}, e.Before, false)
	return err
}

// Undo has nothing to do.
func (*Purge) Undo(context.Context) error { return nil }

// Register makes the package's effects known.
func Register(r *events.Registry) { events.Register[Purge](r, "download.purge.v1") }
