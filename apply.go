package ioc

import (
	"context"

	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/all"
	"github.com/libioc/ioc/internal/lock"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/journal"
	"github.com/libioc/ioc/release"
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
	desired := make([]jail.Desired, 0, len(f.Jails))
	for _, j := range f.Jails {
		d := jail.Desired{
			Name: jail.Name(j.Name), Clone: jail.Name(j.Clone), Properties: j.Properties, Fstab: j.Fstab,
			Run: j.State == apply.Running, Stay: j.State == apply.Any,
		}
		if j.Release != "" {
			d.Release = h.sources.name(storage.Name(j.Release))
		}
		desired = append(desired, d)
	}
	return desired
}

// rehearsal is a keeper of the same jails, as far as anyone can tell in it, that changes nothing.
func (h *Host) rehearsal(ctx context.Context) (*jail.Keeper, []events.Option, error) {
	b, stage, err := all.Rehearsal(ctx, h.backend)
	if err != nil {
		return nil, nil, err
	}
	k := &jail.Keeper{
		Storage: b.Storage, Sandbox: b.Sandbox, Network: b.Network, Commands: b.Commands,
		Locks: lock.Memory(), Vitals: newVitals(""), Releases: imagined{h.sources, b.Storage},
		Environ: h.keeper.Environ, Now: h.keeper.Now, ID: h.keeper.ID, Source: h.keeper.Source,
	}
	registry, j := events.NewRegistry(), journal.Memory()
	k.Register(registry)
	b.Register(registry)
	options := []events.Option{events.WithJournal(j), events.WithRegistry(registry)}
	keys, err := h.keeper.Records.Keys()
	if err != nil {
		return nil, nil, err
	}
	for _, key := range keys {
		kept, err := h.keeper.Records.Kept(key)
		if err != nil || kept == nil || kept.Releasing {
			continue // it is broken, and an operation on it is refused for that
		}
		keep := events.New(&events.Named{Type: "rehearsal.keep", Key: key}, func(s events.Step) (none struct{}, err error) {
			if err := s.Retain(key); err != nil {
				return none, err
			}
			for _, e := range kept.Effects {
				if around, ok := e.(*jail.Around); ok { // its undo is steps of its own
					e = around.On(b.Commands)
				} else {
					e = stage.Retained(e)
				}
				if err := s.Apply(e); err != nil {
					return none, err
				}
			}
			return none, nil
		})
		if _, err := keep.Do(ctx, options...); err != nil {
			return nil, nil, err
		}
	}
	k.Records = records{j, registry}
	return k, options, nil
}

// imagined are releases whose content nobody gets.
type imagined struct {
	sources
	storage storage.Driver
}

// Fetch tells how a release would be got by its name as a child of s.
func (x imagined) Fetch(s events.Step, name storage.Name) error {
	src, err := x.find(name)
	if err != nil {
		return err
	}
	_, err = events.Call(s, release.Import(x.storage, release.ImportOptions{Name: name, Source: unread{src}}))
	return err
}

// unread is a source from which nothing is got.
type unread struct{ release.Source }

func (u unread) Write(context.Context, release.Target) (release.Written, error) {
	return release.Written{}, nil
}
