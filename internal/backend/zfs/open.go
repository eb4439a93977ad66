package zfs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Driver keeps datasets below one file system.
type Driver struct{ p Place }

var (
	_ storage.Driver   = (*Driver)(nil)
	_ storage.Promoter = (*Driver)(nil)
	_ storage.Guarder  = (*Driver)(nil)
	_ storage.Tuner    = (*Driver)(nil)
	_ storage.Differ   = (*Driver)(nil)
	_ storage.Glancer  = (*Driver)(nil)
	_ storage.Surveyor = (*Driver)(nil)
	_ storage.Streamer = (*Driver)(nil)
	_ storage.Sharer   = (*Driver)(nil)
)

// Find says which ZFS file system is mounted at dir, or, for a name without a slash in front, where
// the file system of that name is mounted. It is fault.NotFound if there is none.
func Find(dirOrName string) (Place, error) {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) { return !strings.HasSuffix(m.FSType, "zfs"), false })
	if err != nil {
		return Place{}, err
	}
	var found Place
	for _, m := range mounts {
		if m.Mountpoint == dirOrName || m.Source == dirOrName {
			found = Place{Root: m.Source, Dir: m.Mountpoint} // of several the last one is on top
		}
	}
	if found == (Place{}) {
		return found, fault.New("find", fault.NotFound, dirOrName, errors.New("no ZFS file system of that name is mounted")).
			WithRemedy("zfs create " + strings.TrimPrefix(dirOrName, "/") + ", or zfs mount it")
	}
	return found, nil
}

// Open opens a place, and makes what is missing of its layout.
func Open(ctx context.Context, p Place) (*Driver, error) {
	for _, sub := range []string{"releases", "jails"} {
		if _, err := os.Lstat(filepath.Join(p.Dir, sub)); err == nil {
			continue
		}
		if err := change(ctx, "create", p.Root+"/"+sub); err != nil && !errors.Is(err, fault.Exists) {
			return nil, fault.New("open", fault.Unknown, p.Root, err)
		}
		// Nobody else may look inside: a jail's root user could leave a setuid program there for a user of the host.
		if err := os.Chmod(filepath.Join(p.Dir, sub), 0o700); err != nil {
			return nil, fault.New("open", kindOf(err), p.Root, err)
		}
	}
	return &Driver{p}, nil
}

// Features are ZFS's. Whether the user may use them ZFS says when it is asked to.
func (d *Driver) Features(context.Context) storage.Features {
	return storage.Features{
		Driver: "zfs", Why: "zfs: " + d.p.Root + " is mounted on " + d.p.Dir,
		Live: true, Cheap: true, Ownership: true, Devices: true, Promote: true, Quota: true,
	}
}

// Register makes the driver's effects known, so that another process can undo them.
func Register(r *events.Registry) {
	events.Register[Clone](r, "zfs.clone.v1")
	events.Register[Stage](r, "zfs.stage.v1")
	events.Register[Publish](r, "zfs.publish.v1")
	events.Register[Snapshot](r, "zfs.snapshot.v1")
	events.Register[Rollback](r, "zfs.rollback.v1")
	events.Register[Settle](r, "zfs.settle.v1")
	events.Register[Forget](r, "zfs.forget.v1")
	events.Register[Reap](r, "zfs.reap.v1")
	events.Register[Rename](r, "zfs.rename.v1")
	events.Register[Trash](r, "zfs.trash.v1")
	events.Register[Purge](r, "zfs.purge.v1")
	events.Register[Promote](r, "zfs.promote.v1")
	events.Register[Guard](r, "zfs.guard.v1")
	events.Register[Activate](r, "zfs.activate.v1")
	events.Register[Clear](r, "zfs.clear.v1")
	events.Register[Show](r, "zfs.show.v1")
	events.Register[Tune](r, "zfs.tune.v1")
	events.Register[Share](r, "zfs.share.v1")
	events.Register[Receive](r, "zfs.receive.v1")
	events.Register[Advance](r, "zfs.advance.v1")
	events.Register[WriteFile](r, "zfs.writefile.v1")
}
