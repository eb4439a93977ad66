package overlay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// List reads one small file per dataset.
func (d *Driver) List(ctx context.Context, k storage.Kind) ([]storage.Info, error) {
	if k != storage.Releases && k != storage.Jails {
		return nil, fault.New("list", fault.Invalid, k.String(), nil)
	}
	entries, err := os.ReadDir(filepath.Join(string(d.l), k.String()))
	if err != nil {
		return nil, fault.New("list", kindOf(err), k.String(), err)
	}
	var sets []storage.Dataset
	for _, e := range entries {
		set := storage.Dataset{Kind: k, Name: storage.Name(e.Name())}
		if e.IsDir() && set.Validate() == nil { // else it is being made, or not ours
			sets = append(sets, set)
		}
	}
	return d.statAll(ctx, sets)
}

// statAll is Stat of many, on all processors: thousands of jails are thousands of small files.
func (d *Driver) statAll(ctx context.Context, sets []storage.Dataset) ([]storage.Info, error) {
	release := d.l.rememberReleases()
	infos, gone := make([]storage.Info, len(sets)), make([]bool, len(sets))
	var wait sync.WaitGroup
	for w, width := 0, runtime.GOMAXPROCS(0); w < width; w++ {
		wait.Go(func() {
			for i := w; i < len(sets) && ctx.Err() == nil; i += width {
				var err error
				infos[i], err = d.stat(sets[i], release)
				gone[i] = err != nil // removed meanwhile
			}
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	all := infos[:0]
	for i := range infos {
		if !gone[i] {
			all = append(all, infos[i])
		}
	}
	return all, nil
}

// rememberReleases reads each release once: many jails have few.
func (l layout) rememberReleases() func(storage.Name) (*state, error) {
	var mu sync.Mutex
	known := map[storage.Name]*state{}
	return func(n storage.Name) (*state, error) {
		mu.Lock()
		defer mu.Unlock()
		if s := known[n]; s != nil {
			return s, nil
		}
		s, err := l.releaseState(n)
		if err == nil {
			known[n] = s
		}
		return s, err
	}
}

// Stat reports a dataset that cannot be used as broken; its error is for one that is not there.
func (d *Driver) Stat(_ context.Context, set storage.Dataset) (storage.Info, error) {
	return d.stat(set, d.l.releaseState)
}

func (d *Driver) stat(set storage.Dataset, release func(storage.Name) (*state, error)) (storage.Info, error) {
	info := storage.Info{Dataset: set, Dir: d.l.dir(set)}
	s, _, err := d.l.read("stat", set)
	if err != nil {
		if errors.Is(err, fault.Corrupt) {
			info.Broken, err = err, nil
		}
		return info, err
	}
	info.ID, info.Created, info.Origin = s.ID, s.Created, s.Origin
	info.Broken = d.intact(set, s, release)
	return info, nil
}

// Root names layers that are there now. They are as long as the caller holds the jail's lock.
func (d *Driver) Root(_ context.Context, set storage.Dataset) (storage.Root, error) {
	s, _, err := d.l.read("root", set)
	if err != nil {
		return storage.Root{}, err
	}
	return d.root(set, s)
}

func (d *Driver) root(set storage.Dataset, s *state) (storage.Root, error) {
	if err := d.intact(set, s, d.l.releaseState); err != nil {
		return storage.Root{}, err
	}
	if set.Kind == storage.Releases {
		return storage.Root{Dir: d.l.release(set.Name)}, nil
	}
	if s.Plain {
		return storage.Root{Dir: d.l.fs(s.Upper)}, nil
	}
	o := &storage.Overlay{Upper: d.l.fs(s.Upper), Work: d.l.work(s.Upper), UserXattr: s.UserXattr}
	for _, id := range s.Layers {
		o.Lower = append(o.Lower, d.l.fs(id))
	}
	if s.Release != "" {
		o.Lower = append(o.Lower, d.l.release(s.Release))
	}
	return storage.Root{Overlay: o}, nil
}

// intact says what is missing of that which s names, with releases as the function gives them.
func (d *Driver) intact(set storage.Dataset, s *state, release func(storage.Name) (*state, error)) error {
	broken := func(err error) error {
		return fault.New("root", fault.Corrupt, set.String(), err).WithRemedy("destroy " + string(set.Name))
	}
	if set.Kind == storage.Releases {
		if !exists(d.l.release(set.Name)) {
			return broken(errors.New("its root directory is missing"))
		}
		return nil
	}
	for _, id := range append(s.Layers, s.Upper) {
		if !exists(d.l.fs(id)) {
			return broken(fmt.Errorf("layer %s is missing", id))
		}
	}
	switch {
	case s.Plain:
	case s.Release != "":
		if err := sameRelease(s.Release, s.ReleaseID, release); err != nil {
			return broken(err)
		}
	case len(s.Layers) == 0:
		return broken(errors.New("it has no layers"))
	}
	return nil
}

// isRelease checks that the release n is still the one with the id.
func (l layout) isRelease(n storage.Name, id string) error {
	return sameRelease(n, id, l.releaseState)
}

func (l layout) releaseState(n storage.Name) (*state, error) {
	s, _, err := l.read("release", storage.Release(n))
	return s, err
}

func sameRelease(n storage.Name, id string, release func(storage.Name) (*state, error)) error {
	s, err := release(n)
	if err != nil {
		return err
	}
	if s.ID != id {
		return fmt.Errorf("release %s is another one than it was made from", n)
	}
	return nil
}

// Snapshots measures, of each snapshot, what was written since the one before.
func (d *Driver) Snapshots(ctx context.Context, set storage.Dataset) ([]storage.Snapshot, error) {
	s, _, err := d.l.read("snapshots", set)
	if err != nil {
		return nil, err
	}
	all := make([]storage.Snapshot, len(s.Snapshots))
	before := 0
	for i, snap := range s.Snapshots {
		var size filetree.Size
		layers := s.Layers[len(s.Layers)-snap.Depth : len(s.Layers)-before]
		if before = snap.Depth; s.Plain {
			layers = []string{snap.Copy}
		}
		for _, id := range layers {
			if err := size.Add(ctx, d.l.fs(id)); err != nil {
				return nil, fault.New("snapshots", kindOf(err), set.String(), err)
			}
		}
		all[i] = storage.Snapshot{Name: snap.Name, Created: snap.Created, Used: size.Bytes}
	}
	return all, nil
}

// Usage looks at every file of the dataset, and of the release below it.
func (d *Driver) Usage(ctx context.Context, set storage.Dataset) (storage.Usage, error) {
	s, _, err := d.l.read("usage", set)
	if err != nil {
		return storage.Usage{}, err
	}
	fail := func(err error) (storage.Usage, error) {
		return storage.Usage{}, fault.New("usage", kindOf(err), set.String(), err)
	}
	var u storage.Usage
	var fsys unix.Statfs_t
	if err := unix.Statfs(string(d.l), &fsys); err != nil {
		return fail(err)
	}
	u.Available = int64(fsys.Bavail) * fsys.Bsize //nolint:gosec // no file system is that large
	shared := map[string]bool{}
	if err := d.l.named(func(_ string, other *state) {
		if other != nil && other.ID != s.ID {
			for _, id := range other.layers() {
				shared[id] = true
			}
		}
	}); err != nil {
		return fail(err)
	}
	var own, below filetree.Size
	if err := own.Add(ctx, d.l.dir(set)); err != nil {
		return fail(err)
	}
	for _, id := range s.layers() {
		size := &own
		if shared[id] {
			size = &below
		}
		if err := size.Add(ctx, d.l.fs(id)); err != nil {
			return fail(err)
		}
	}
	if s.Release != "" {
		if err := below.Add(ctx, d.l.release(s.Release)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(err)
		}
	}
	u.Used, u.Referenced = own.Bytes, own.Bytes+below.Bytes
	return u, nil
}

// Users are the jails on a release. A jail and its snapshots have none: layers are shared, not owned.
func (d *Driver) Users(ctx context.Context, o storage.Origin) ([]storage.Dataset, error) {
	s, _, err := d.l.read("users", o.Dataset)
	if err != nil {
		return nil, err
	}
	if o.Snapshot != "" && s.snapshot(o.Snapshot) < 0 {
		return nil, storage.NotFound("users", o)
	}
	if o.Dataset.Kind != storage.Releases {
		return nil, nil
	}
	unlock, err := d.l.lockShared(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return d.l.users(o.Dataset.Name)
}
