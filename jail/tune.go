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
		name, ok := config.OfZFS(key)
		if _, err := config.Find(key); !ok || err != nil { // what somebody has written into a configuration all the same
			continue
		}
		if own[name] = value; config.Unset(value) {
			own[name] = ""
		}
	}
	driver, can := k.Storage.(storage.Tuner)
	if !can || len(own) == 0 { // what another storage has left in a configuration has no effect
		return storage.Change{}, nil
	}
	return driver.Tune(ctx, storage.Jail(name), own)
}

// Tuned tells what holds for properties of ZFS, by the names that a configuration has for them, and who says so; nil where
// jails are not kept on such storage.
func (k *Keeper) Tuned(ctx context.Context, name Name, keys ...string) (map[string]storage.Tuned, error) {
	driver, can := k.Storage.(storage.Tuner)
	if !can || len(keys) == 0 {
		return nil, nil
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i], _ = config.OfZFS(key)
	}
	found, err := driver.Tuned(ctx, storage.Jail(name), names...)
	all := map[string]storage.Tuned{}
	for i, key := range keys {
		if t, ok := found[names[i]]; ok {
			all[key] = t
		}
	}
	return all, err
}
