package download

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// shelfExt ends the name of a shelf.
const shelfExt = ".dir"

// Shelf is a directory of the cache for what another program downloads, which must be as able to go on
// with it as this package is. It is the caller's alone until it is released; who else wants it waits as long as
// ctx lets it, and says so by wait, which may be nil, when that begins.
func (c *Cache) Shelf(ctx context.Context, run *events.RunInfo, key string, wait func(held error) error) (dir string, release func(), err error) {
	const pause = 50 * time.Millisecond
	tick := time.NewTicker(pause)
	defer tick.Stop()
	dir = filepath.Join(c.Dir, key+shelfExt)
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return "", nil, fault.New("download", fault.Unknown, dir, err)
	}
	for {
		release, err = c.locks().Take(key, false, "download", run)
		if err == nil {
			break
		}
		if !errors.Is(err, fault.Busy) {
			return "", nil, fault.New("download", fault.Unknown, dir, err)
		}
		if wait != nil {
			if err := wait(err); err != nil {
				return "", nil, err
			}
			wait = nil
		}
		select {
		case <-ctx.Done():
			return "", nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		release()
		return "", nil, fault.New("download", fault.Unknown, dir, err)
	}
	return dir, release, nil
}
