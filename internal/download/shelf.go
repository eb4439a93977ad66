package download

import (
	"context"
	"os"
	"path/filepath"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// shelfExt ends the name of a shelf.
const shelfExt = ".dir"

// Shelf is a directory of the cache for what another program downloads, which must be as able to go on
// with it as this package is. It is the caller's alone until it is released; who else wants it waits as long as
// ctx lets it, and says so by wait, which may be nil, when that begins.
func (c *Cache) Shelf(ctx context.Context, run *events.RunInfo, key string, wait func(held error) error) (dir string, release func(), err error) {
	dir = filepath.Join(c.Dir, key+shelfExt)
	named := func(err error) error { return fault.New("download", fault.Unknown, dir, err) }
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return "", nil, named(err)
	}
	release, err = c.lock(ctx, run, key, named, func(held error) error {
		if wait == nil {
			return nil
		}
		tell := wait
		wait = nil
		return tell(held)
	})
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		release()
		return "", nil, named(err)
	}
	return dir, release, nil
}
