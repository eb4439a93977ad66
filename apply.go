package ioc

import (
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
	return h.keeper.Apply(all, o).With(h.preset...)
}
