package rehearsal

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/storage"
)

// Storage gives a driver whose datasets begin as those of d, and that plans as d does where it can.
func (x *Stage) Storage(ctx context.Context, d storage.Driver) (storage.Driver, error) {
	f := &files{Driver: d, x: x, w: mem.New(nil), there: map[string]storage.Info{}}
	for _, kind := range []storage.Kind{storage.Releases, storage.Jails} {
		all, err := d.List(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, i := range all {
			f.there[f.w.Adopt(i)] = i
		}
	}
	if t, ok := d.(storage.Tuner); ok {
		return tuned{f, t}, nil
	}
	return f, nil
}

// files is what there would be: w has it, and the driver has the content of what was there before. Its other methods
// are those of the driver.
type files struct {
	storage.Driver
	x     *Stage
	w     *mem.World
	there map[string]storage.Info // by its id in w, what the driver has
}

// old tells whether the driver has d.
func (f *files) old(ctx context.Context, d storage.Dataset) (storage.Info, bool) {
	if d == storage.Global() {
		return storage.Info{}, true
	}
	i, err := f.w.Stat(ctx, d)
	if err != nil {
		return storage.Info{}, false
	}
	was, ok := f.there[i.ID]
	return was, ok
}

func (f *files) List(ctx context.Context, k storage.Kind) ([]storage.Info, error) {
	all, err := f.w.List(ctx, k)
	for n, i := range all {
		if was, ok := f.there[i.ID]; ok {
			all[n] = was
		}
	}
	return all, err
}

func (f *files) Stat(ctx context.Context, d storage.Dataset) (storage.Info, error) {
	i, err := f.w.Stat(ctx, d)
	if was, ok := f.there[i.ID]; ok {
		i = was
	}
	return i, err
}

func (f *files) Snapshots(ctx context.Context, d storage.Dataset) ([]storage.Snapshot, error) {
	if _, ok := f.old(ctx, d); ok {
		return f.Driver.Snapshots(ctx, d)
	}
	return f.w.Snapshots(ctx, d)
}

func (f *files) Usage(ctx context.Context, d storage.Dataset) (storage.Usage, error) {
	if _, ok := f.old(ctx, d); ok {
		return f.Driver.Usage(ctx, d)
	}
	return f.w.Usage(ctx, d)
}

// Users are those that the driver knows and that are still there, and those that were made since.
func (f *files) Users(ctx context.Context, o storage.Origin) ([]storage.Dataset, error) {
	all, err := f.w.Users(ctx, o.Dataset.Now())
	if _, ok := f.old(ctx, o.Dataset); !ok || err != nil {
		return all, err
	}
	users, err := f.Driver.Users(ctx, o)
	for _, u := range users {
		if _, ok := f.old(ctx, u); ok && !slices.Contains(all, u) {
			all = append(all, u)
		}
	}
	return all, err
}

// Root is a directory that is not there for what is not there.
func (f *files) Root(ctx context.Context, d storage.Dataset) (storage.Root, error) {
	if _, ok := f.old(ctx, d); ok {
		return f.Driver.Root(ctx, d)
	}
	return f.w.Root(ctx, d)
}

func (f *files) ReadFile(ctx context.Context, d storage.Dataset, name string) ([]byte, error) {
	if _, ok := f.old(ctx, d); ok {
		if err := f.load(ctx, d, name); err != nil {
			return nil, err
		}
	}
	return f.w.ReadFile(ctx, d, name)
}

// load lets w have what the driver has in a file, unless it has something newer.
func (f *files) load(ctx context.Context, d storage.Dataset, name string) error {
	text, err := f.Driver.ReadFile(ctx, d, name)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	f.w.Load(d, name, text)
	return nil
}

func (f *files) WriteFile(ctx context.Context, d storage.Dataset, name string, data []byte) (storage.Change, error) {
	_, old := f.old(ctx, d)
	if old {
		if err := f.load(ctx, d, name); err != nil {
			return storage.Change{}, err
		}
	}
	c, err := f.w.WriteFile(ctx, d, name, data)
	return f.plan(c, err, old, func() (storage.Change, error) { return f.Driver.WriteFile(ctx, d, name, data) })
}

// plan shows what the driver would do where it can tell, and does what w has planned.
func (f *files) plan(c storage.Change, err error, ask bool, driver func() (storage.Change, error)) (storage.Change, error) {
	if err != nil || len(c.Do)+len(c.After) == 0 {
		return c, err
	}
	var shown storage.Change
	if ask {
		if shown, err = driver(); err != nil {
			return storage.Change{}, err
		}
	}
	return storage.Change{Do: f.x.play(shown.Do, c.Do), After: f.x.play(shown.After, c.After)}, nil
}

func (f *files) Clone(ctx context.Context, src storage.Origin, dst storage.Dataset, o storage.CloneOptions) (storage.Change, error) {
	_, old := f.old(ctx, src.Dataset)
	at := src
	if old {
		at = src.Dataset.Now() // its snapshots are the driver's
	}
	c, err := f.w.Clone(ctx, at, dst, o)
	return f.plan(c, err, old, func() (storage.Change, error) { return f.Driver.Clone(ctx, src, dst, o) })
}

func (f *files) Destroy(ctx context.Context, d storage.Dataset, o storage.DestroyOptions) (storage.Change, error) {
	_, old := f.old(ctx, d)
	c, err := f.w.Destroy(ctx, d, o)
	return f.plan(c, err, old, func() (storage.Change, error) {
		shown, err := f.Driver.Destroy(ctx, d, o)
		if !errors.Is(err, fault.Busy) {
			return shown, err
		}
		users, look := f.Users(ctx, d.Now())
		if look == nil && len(users) == 0 { // those whom the driver means would be gone
			return storage.Change{}, nil
		}
		return shown, err
	})
}

func (f *files) Fill(ctx context.Context, d storage.Dataset) (storage.Filling, error) {
	c, err := f.w.Fill(ctx, d)
	if err != nil {
		return nil, err
	}
	shown, err := f.Driver.Fill(ctx, d)
	if err != nil {
		return nil, err
	}
	return filling{c, shown, f.x}, nil
}

type filling struct {
	storage.Filling
	shown storage.Filling
	x     *Stage
}

func (f filling) Stage() storage.Change {
	return storage.Change{Do: f.x.play(f.shown.Stage().Do, f.Filling.Stage().Do)}
}

func (f filling) Publish() storage.Change {
	return storage.Change{Do: f.x.play(f.shown.Publish().Do, f.Filling.Publish().Do)}
}

// tuned has datasets with properties, as the driver has.
type tuned struct {
	*files
	storage.Tuner
}

func (t tuned) Tune(ctx context.Context, d storage.Dataset, properties map[string]string) (storage.Change, error) {
	if _, ok := t.old(ctx, d); !ok {
		return storage.Change{Do: []events.Effect{t.x.plain(&events.Named{
			Type: "storage.tune", Key: d.String(),
			Title: "set " + strings.Join(slices.Sorted(maps.Keys(properties)), ", ") + " of the file system of " + d.String(),
		})}}, nil
	}
	c, err := t.Tuner.Tune(ctx, d, properties)
	for _, all := range [][]events.Effect{c.Do, c.After} {
		for n, e := range all {
			all[n] = t.x.plain(e)
		}
	}
	return c, err
}
