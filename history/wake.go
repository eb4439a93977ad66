package history

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Bounds of waiting for news. The kernel says when something is written; what it does not say is that the
// writer was killed, and where it cannot watch the directory it says nothing.
const (
	quiet = time.Second            // beside a watch
	blind = 100 * time.Millisecond // without one
)

// wake waits for news of a directory.
type wake struct {
	w     *fsnotify.Watcher // nil: there is no watch
	timer *time.Timer
}

// newWake watches dir if that can be done: a system has only so many watches.
func newWake(dir string) *wake {
	k := &wake{timer: time.NewTimer(0)}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return k
	}
	if w.Add(dir) != nil {
		_ = w.Close() // it has nothing
		return k
	}
	k.w = w
	return k
}

// wait returns when there may be news, or ctx is done. What comes together wakes once.
func (k *wake) wait(ctx context.Context) {
	if k.w == nil {
		k.timer.Reset(blind)
		select {
		case <-ctx.Done():
		case <-k.timer.C:
		}
		return
	}
	k.timer.Reset(quiet)
	select {
	case <-ctx.Done():
	case <-k.timer.C:
	case <-k.w.Errors: // too much at once: it is looked at anyway
	case <-k.w.Events:
		for {
			select {
			case <-k.w.Events:
				continue
			default:
			}
			return
		}
	}
}

func (k *wake) close() {
	k.timer.Stop()
	if k.w != nil {
		_ = k.w.Close() // it was only read
	}
}
