package jail

import (
	"context"
	"errors"
	"strings"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// share plans that the root of a jail manages the file systems which jail_zfs_dataset names, if jail_zfs says so. A jail that was
// configured elsewhere is not started without them: it would write below the places where they are to be mounted.
func (k *Keeper) share(ctx context.Context, i *Info, guest string) ([]events.Effect, error) {
	shares, _ := i.Property("jail_zfs")
	if yes, err := config.Bool.Canonical(shares); err != nil || yes != "yes" {
		return nil, nil //nolint:nilerr // what makes no sense shares nothing
	}
	names, _ := i.Property("jail_zfs_dataset")
	if config.Unset(names) {
		return nil, nil
	}
	// libioc's documents have commas between them, and its code has blanks.
	all := strings.FieldsFunc(names, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
	bad := func(err error) ([]events.Effect, error) {
		return nil, fault.New("start", fault.Unknown, string(i.Name), fault.New("property", fault.Unknown, "jail_zfs", err))
	}
	driver, can := k.Storage.(storage.Sharer)
	err := error(fault.Unsupported("letting a jail manage file systems", "ZFS"))
	if can {
		var c storage.Change
		if c, err = driver.Share(ctx, storage.Jail(i.Name), guest, all); err == nil {
			return c.Do, nil
		}
	}
	if errors.Is(err, fault.NotSupported) {
		err = fault.New("", fault.NotSupported, "", err).WithRemedy("ioc set jail_zfs= " + string(i.Name) + " lets it start without " + strings.Join(all, ", "))
	}
	return bad(err)
}
