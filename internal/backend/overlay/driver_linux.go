package overlay

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Options configure a Driver. The zero Options are right for most.
type Options struct {
	// Copies makes all new jails plain copies, also where the kernel could do better.
	Copies bool
	// Try mounts a root in the way jails will and takes it down again. Without it a privileged driver
	// asks the kernel itself; an unprivileged one, which cannot, looks for what the kernel needs.
	Try func(ctx context.Context, r storage.Root) error
	// Now is the clock; nil: the system's.
	Now func() time.Time
	// MaxDepth is how many frozen layers a jail may have; 0: 100. The kernel's limit is 500.
	MaxDepth int
}

// Driver keeps datasets below one directory.
type Driver struct {
	l    layout
	opts Options
	mode func() mode
}

var (
	_ storage.Driver = (*Driver)(nil)
	_ storage.Differ = (*Driver)(nil)
)

// Open opens root and makes its directories where they are missing. What a killed process has left of
// finding out what the kernel can do, which is no effect of any run, it removes.
func Open(root string, o Options) (*Driver, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if root, err = resolve(root); err != nil {
		return nil, fault.New("open", kindOf(err), root, err)
	}
	d := &Driver{l: layout(root), opts: o}
	if err := d.l.make(); err != nil {
		return nil, err
	}
	if stale, _ := filepath.Glob(d.l.trash("probe-*" + dead)); len(stale) > 0 { // the pattern is well-formed
		if unlock, err := d.l.sweepProbes(context.Background()); err == nil {
			unlock()
		}
	}
	if d.opts.Now == nil {
		d.opts.Now = time.Now
	}
	if d.opts.MaxDepth == 0 {
		d.opts.MaxDepth = 100
	}
	// What the kernel can do here is asked once, and only by those who make jails.
	d.mode = sync.OnceValue(func() mode { return d.probe(context.Background()) })
	return d, nil
}

// resolve follows symbolic links: paths of layers must mean the same in every mount namespace.
func resolve(root string) (string, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return root, err
	}
	return filepath.EvalSymlinks(root)
}

func (d *Driver) now() time.Time { return d.opts.Now().UTC().Truncate(time.Second) }

// Features tries overlay mounts on the root directory, once.
func (d *Driver) Features(context.Context) storage.Features {
	m := d.mode()
	return storage.Features{
		Driver: "overlay", Why: m.why, Cheap: m.layers, Independent: true,
		Ownership: privileged(), Devices: privileged(), Depth: d.opts.MaxDepth,
	}
}

// privileged tells root, who can give files away. A user's files are all the user's own.
func privileged() bool { return os.Geteuid() == 0 }

// Register makes the driver's effects known, so that another process can undo them.
func Register(r *events.Registry) {
	events.Register[Clone](r, "overlay.clone.v1")
	events.Register[Freeze](r, "overlay.freeze.v1")
	events.Register[Snapshot](r, "overlay.snapshot.v1")
	events.Register[Rollback](r, "overlay.rollback.v1")
	events.Register[Forget](r, "overlay.forget.v1")
	events.Register[Merge](r, "overlay.merge.v1")
	events.Register[Rename](r, "overlay.rename.v1")
	events.Register[Trash](r, "overlay.trash.v1")
	events.Register[Purge](r, "overlay.purge.v1")
	events.Register[Sweep](r, "overlay.sweep.v1")
	events.Register[Stage](r, "overlay.stage.v1")
	events.Register[Publish](r, "overlay.publish.v1")
	events.Register[WriteFile](r, "overlay.writefile.v1")
	events.Register[Clear](r, "overlay.clear.v1")
	events.Register[Close](r, "overlay.close.v1")
	events.Register[Unmount](r, "overlay.unmount.v1")
}
