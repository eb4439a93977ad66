package overlay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// Clone plans a jail of the source's layers and an empty one on top; or, where the kernel mounts no
// overlays or the caller wants it, of one directory with a copy of everything.
func (d *Driver) Clone(ctx context.Context, src storage.Origin, dst storage.Dataset, o storage.CloneOptions) (storage.Change, error) {
	const op = "clone"
	if err := o.Check(src, dst); err != nil {
		return storage.Change{}, err
	}
	for name := range o.Files {
		if err := validFile(dst, name); err != nil {
			return storage.Change{}, err
		}
	}
	if exists(d.l.dir(dst)) {
		return storage.Change{}, storage.Exists(op, dst.Now())
	}
	below, first, err := d.source(ctx, src, o)
	if err != nil {
		return storage.Change{}, err
	}
	id, m := newID(), d.mode()
	e := &Clone{Root: string(d.l), Dataset: dst, Origin: src, ID: id, Need: below.Layers, Files: o.Files}
	if below.Release != "" {
		e.Bottom, e.ReleaseID = below.Release, below.ReleaseID
	}
	final := &state{
		Version: stateVersion, ID: id, Change: id, Name: dst.Name, Created: d.now(), Origin: src, Upper: id,
		UserXattr: m.userXattr,
	}
	e.Thick = o.Thick || !m.layers || below.Plain
	switch {
	case e.Thick:
		// While it is copied it names what it copies, so that nobody takes that away.
		pin := *final
		pin.Plain, pin.Upper, pin.Pins = true, "", below.Layers
		pin.Release, pin.ReleaseID = below.Release, below.ReleaseID
		e.Pin = pin.encode()
		final.Plain = true
	case len(below.Layers)+1 > d.opts.MaxDepth:
		return storage.Change{}, fault.New(op, fault.NoSpace, src.String(), fmt.Errorf("it has %d layers, the most there may be", len(below.Layers))).
			WithRemedy("clone it with all its files")
	default:
		final.Layers, final.Release, final.ReleaseID = below.Layers, below.Release, below.ReleaseID
	}
	e.State = final.encode()
	c := storage.Change{Do: append(first, e)}
	if e.Thick && len(e.Need) > 0 {
		// Whoever destroyed the source meanwhile has left us its layers.
		c.After = []events.Effect{&Sweep{string(d.l), dst, e.Need}}
	}
	return c, nil
}

// source finds what a clone of src stands on: Release and Layers, of which Plain says that they are
// one directory that may change again. What has to be frozen first is in the effects.
func (d *Driver) source(ctx context.Context, src storage.Origin, o storage.CloneOptions) (*state, []events.Effect, error) {
	const op = "clone"
	s, text, err := d.l.read(op, src.Dataset)
	if err != nil {
		return nil, nil, err
	}
	if src.Dataset.Kind == storage.Releases {
		if src.Snapshot != "" {
			return nil, nil, storage.NoSnapshots(op, src.Dataset)
		}
		_, err := d.root(src.Dataset, s)
		return &state{Release: src.Dataset.Name, ReleaseID: s.ID}, nil, err
	}
	if src.Snapshot != "" {
		i := s.snapshot(src.Snapshot)
		if i < 0 {
			return nil, nil, storage.NotFound(op, src)
		}
		snap := s.Snapshots[i]
		if s.Plain {
			return &state{Layers: []string{snap.Copy}}, nil, nil
		}
		return &state{Layers: s.Layers[len(s.Layers)-snap.Depth:], Release: s.Release, ReleaseID: s.ReleaseID}, nil, nil
	}
	if o.Running {
		return nil, nil, storage.Running(op, src.Dataset, "the kernel does not allow to share a layer while it is written; a snapshot of it can be cloned")
	}
	if s.Plain {
		return &state{Layers: []string{s.Upper}, Plain: true}, nil, nil
	}
	clean, err := d.l.pristine(ctx, s)
	if err != nil {
		return nil, nil, fault.New(op, kindOf(err), src.String(), err)
	}
	below := &state{Layers: s.Layers, Release: s.Release, ReleaseID: s.ReleaseID}
	if clean {
		return below, nil, nil
	}
	if o.Thick { // it is read once, so it need not be frozen
		below.Layers = append([]string{s.Upper}, s.Layers...)
		return below, nil, nil
	}
	next, sw, err := d.freeze(src.Dataset, s, text, op)
	if err != nil {
		return nil, nil, err
	}
	below.Layers = next.Layers
	return below, []events.Effect{&Freeze{sw}}, nil
}

// Clone is the effect that makes a jail.
type Clone struct {
	Root      string
	Dataset   storage.Dataset
	Origin    storage.Origin
	ID        string       // of the jail, and of the layer it writes to
	Need      []string     // the layers below, newest first
	Bottom    storage.Name // the release below them, or none
	ReleaseID string
	Thick     bool
	Pin       string            // storage.json while everything is copied
	State     string            // storage.json in the end
	Files     map[string][]byte `json:",omitempty"` // beside it
}

// EventType is the effect's name in events.
func (*Clone) EventType() string { return "storage.clone" }

// EventTitle is for people.
func (e *Clone) EventTitle() string {
	if e.Thick {
		return "copy files of " + e.Origin.String()
	}
	return "clone files of " + e.Origin.String()
}

// EventKey is the new dataset.
func (e *Clone) EventKey() string { return e.Dataset.String() }

// Do makes the jail out of sight and then gives it its name.
func (e *Clone) Do(ctx context.Context) error {
	l := layout(e.Root)
	if exists(l.dir(e.Dataset)) {
		return events.Untouched(storage.Exists("clone", e.Dataset.Now()))
	}
	hidden := l.hidden(storage.Jails, e.ID)
	if err := e.begin(ctx, l, hidden); err != nil {
		return err
	}
	build := e.makeThin
	if e.Thick {
		build = e.makeThick
	}
	if err := build(ctx, l); err != nil {
		return err
	}
	if err := e.complete(ctx, hidden); err != nil {
		return err
	}
	if err := l.syncLayer(e.ID); err != nil {
		return err
	}
	storage.Point(ctx, "before the name")
	err := move(ctx, hidden, l.dir(e.Dataset))
	if errors.Is(err, fs.ErrExist) {
		if undone := e.Undo(ctx); undone != nil {
			return errors.Join(err, undone)
		}
		return events.Untouched(storage.Exists("clone", e.Dataset.Now()))
	}
	return err
}

// makeThick makes the layer of a jail that shares nothing.
func (e *Clone) makeThick(ctx context.Context, l layout) error {
	if err := l.makeLayer(ctx, e.ID, e.copyAll(ctx, l)); err != nil {
		return err
	}
	return filetree.Sync(ctx, l.fs(e.ID))
}

// makeThin makes the layer of a jail that shares all else.
func (e *Clone) makeThin(ctx context.Context, l layout) error {
	return l.makeLayer(ctx, e.ID, emptyLike(ctx, l.top(&state{Layers: e.Need, Release: e.Bottom})))
}

// complete writes the small files and makes durable whatever is hidden, once all of it is there: each sync
// after a change makes the file system write, and wait for what others have written.
func (e *Clone) complete(ctx context.Context, hidden string) error {
	names := []string{stateFile}
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		names = append(names, name)
		if err := os.WriteFile(filepath.Join(hidden, name), e.Files[name], 0o600); err != nil {
			return err
		}
		storage.Point(ctx, "file written")
	}
	if e.Thick {
		if err := put(filepath.Join(hidden, stateFile), e.State); err != nil {
			return err
		}
	}
	return syncFiles(hidden, names)
}

// begin names the layers in a place where it counts, while it is sure that they are there.
func (e *Clone) begin(ctx context.Context, l layout, hidden string) error {
	unlock, err := l.lockShared(ctx)
	if err != nil {
		return events.Untouched(err)
	}
	defer unlock()
	for _, id := range e.Need {
		if !exists(l.fs(id)) {
			return events.Untouched(storage.Changed("clone", e.Origin))
		}
	}
	if e.Bottom != "" {
		if err := l.isRelease(e.Bottom, e.ReleaseID); err != nil {
			return events.Untouched(err)
		}
	}
	if err := os.Mkdir(hidden, 0o700); err != nil {
		return events.Untouched(err)
	}
	storage.Point(ctx, "hidden")
	text := e.State
	if e.Thick {
		text = e.Pin
	}
	return put(filepath.Join(hidden, stateFile), text)
}

// put makes text the content of a file of a dataset that is hidden: whole or not there at all, for others that
// look now. The power may take it; then Undo knows the layers itself.
func put(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// copyAll fills a layer with all that the source shows.
func (e *Clone) copyAll(ctx context.Context, l layout) func(dir string) error {
	layers := slices.Clone(e.Need)
	slices.Reverse(layers)
	for i, id := range layers {
		layers[i] = l.fs(id)
	}
	if e.Bottom != "" {
		return flatten(ctx, l.release(e.Bottom), layers)
	}
	return flatten(ctx, layers[0], layers[1:])
}

// Undo removes the jail with all that was done to it since, if it is the one that Do made.
func (e *Clone) Undo(ctx context.Context) error {
	return layout(e.Root).unmake(ctx, e.Dataset, e.ID, e.Need...)
}

// unmake removes the dataset that was made under id, whether it got its name or not. Those of the layers
// that nobody else names go with it, too.
func (l layout) unmake(ctx context.Context, set storage.Dataset, id string, layers ...string) error {
	s, _, err := readState(l.dir(set))
	if err == nil && s.ID == id {
		err = move(ctx, l.dir(set), l.hidden(set.Kind, id))
	}
	if err != nil && exists(l.dir(set)) && !exists(l.hidden(set.Kind, id)) && exists(l.layer(id)) {
		// The layer says that there was such a dataset; whether it is this one nobody can tell.
		return fault.New("undo", fault.Corrupt, set.String(), err)
	}
	return l.remove(ctx, l.hidden(set.Kind, id), id, layers...)
}

// remove removes a dataset that has no name, with the layers that only it had: id's, those it names, and, if a
// power cut took its storage.json before them, layers. It can be repeated.
func (l layout) remove(ctx context.Context, dir, id string, layers ...string) error {
	gone := l.trash(id + dead)
	if err := os.Rename(dir, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	storage.Point(ctx, "condemned")
	layers = append(slices.Clone(layers), id)
	if s, _, err := readState(gone); err == nil {
		layers = append(layers, s.layers()...)
	}
	slices.Sort(layers)
	if err := l.clear(ctx, slices.Compact(layers)); err != nil {
		return err
	}
	storage.Point(ctx, "layers collected")
	if err := filetree.Remove(ctx, gone); err != nil {
		return err
	}
	// Else a power cut could bring back what the journal says is gone.
	dirs := []string{l.trash(""), l.layer("")}
	if parent := filepath.Dir(dir); parent != filepath.Clean(dirs[0]) {
		dirs = append(dirs, parent)
	}
	return syncDirs(dirs...)
}
