package ioc

import (
	"context"

	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/storage"
)

// ApplyOptions say how a host is made to match a file; package jail describes its fields.
type ApplyOptions = jail.ApplyOptions

// Apply makes, changes, starts, stops and, with o.Prune, destroys jails until they are what the file says. It is one
// operation: if a part of it fails, the rest is undone. If all is so already it is skipped.
func (h *Host) Apply(f *apply.File, o ApplyOptions) events.Op[struct{}] {
	return h.keeper.Apply(h.desired(f), o).With(h.preset...)
}

// Excess tells what Apply would destroy with o.Prune: the jails that the file does not name. It changes nothing.
func (h *Host) Excess(ctx context.Context, f *apply.File) ([]jail.Loss, error) {
	return h.keeper.Excess(ctx, h.desired(f))
}

func (h *Host) desired(f *apply.File) []jail.Desired {
	all := make([]jail.Desired, 0, len(f.Jails))
	for _, j := range f.Jails {
		d := jail.Desired{
			Name: jail.Name(j.Name), Clone: jail.Name(j.Clone), Properties: j.Properties, Fstab: j.Fstab,
			Run: j.State == apply.Running, Stay: j.State == apply.Any,
		}
		if j.Release != "" {
			d.Release = h.sources.name(storage.Name(j.Release))
		}
		all = append(all, d)
	}
	return all
}
