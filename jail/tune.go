package jail

import (
	"context"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/storage"
)

// tune plans that the file system of a jail has those of the properties that are its own, too. The configuration says what
// they are to be; the file system is told when it changes.
func (k *Keeper) tune(ctx context.Context, name Name, properties map[string]string) (storage.Change, error) {
	own := map[string]string{}
	for key, value := range properties {
		if p, ok := config.Lookup(key); !ok || p.Needs != config.ZFS {
			continue
		}
		if own[key] = value; config.Unset(value) {
			own[key] = ""
		}
	}
	driver, can := k.Storage.(storage.Tuner)
	if !can || len(own) == 0 { // what another storage has left in a configuration has no effect
		return storage.Change{}, nil
	}
	return driver.Tune(ctx, storage.Jail(name), own)
}
