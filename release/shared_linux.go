package release

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/filetree"
)

// errAlone says that layers cannot be shared here. Nothing was written then.
var errAlone = errors.New("layers cannot be shared")

const (
	layerPart = "part"       // a layer that is being unpacked
	layerRoot = "root"       // and one that is complete: its files, its marks among them
	layerInfo = "layer.json" // what is known of it
)

// layerFacts are what is known of a layer that was unpacked.
type layerFacts struct {
	Got     Written  `json:"got"`
	Implied []string `json:"implied,omitempty"` // directories that no entry made: they may be links below
}

// shared makes the tree of layers that are unpacked once, on a shelf of the cache for each, and that all releases
// of them share by hard links: no file of a release is ever written again. A shelf is complete when it has its root; what was killed left a
// part, which the next one clears.
func (k *stack) shared(ctx context.Context, t Target) (Written, error) {
	tree, ok := t.Tree.(*filetree.Writer)
	if !ok || k.Cache == nil || !k.Layers || t.Policy != (Policy{}) || t.Read != nil || t.Dir == "" || os.MkdirAll(k.Cache.Dir, 0o700) != nil || !filetree.SameDisk(t.Dir, k.Cache.Dir) {
		return Written{}, errAlone
	}
	shelves := map[string]string{} // by the digest of the content
	for _, a := range k.all {
		if a.Plain == "" {
			return Written{}, errAlone
		}
		shelves[a.Plain] = ""
	}
	for _, plain := range slices.Sorted(maps.Keys(shelves)) { // in one order: nobody waits for somebody who waits
		dir, release, err := k.Cache.Shelf(ctx, &events.RunInfo{PID: os.Getpid()}, "layer-"+strings.ReplaceAll(plain, ":", "-"), func(error) error { return errAlone })
		if err != nil {
			if ctx.Err() == nil {
				err = errAlone // another fetch has it: this one makes its own
			}
			return Written{}, err
		}
		defer release()
		shelves[plain] = dir
	}
	if err := k.unpackLayers(ctx, t, shelves); err != nil {
		return Written{}, err
	}
	return k.link(ctx, t, tree, shelves)
}

// unpackLayers completes the shelves that are not. Files are on the disk before a shelf says that it has them.
func (k *stack) unpackLayers(ctx context.Context, t Target, shelves map[string]string) error {
	done := t.Progress
	var before int64
	total := size(k.all)
	var fresh []string
	for _, a := range k.all {
		dir := shelves[a.Plain]
		if _, err := os.Lstat(filepath.Join(dir, layerRoot)); err == nil || slices.Contains(fresh, dir) {
			before += a.Size
			continue
		}
		part := filepath.Join(dir, layerPart)
		if err := filetree.Remove(ctx, part); err != nil {
			return err
		}
		if err := os.Mkdir(part, 0o755); err != nil {
			return fault.New("", fault.Unknown, a.Name, err)
		}
		w, err := filetree.NewWriter(part, filetree.Options{Owners: os.Geteuid() == 0})
		if err != nil {
			return err
		}
		t.Tree, t.Progress = w, func(n, _ int64) error { return done(before+n, total) }
		facts, err := k.unpackLayer(ctx, a, t)
		if err := errors.Join(err, w.Close()); err != nil {
			if errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
				err = errors.Join(errAlone, filetree.Remove(ctx, part)) // a link to a file of a layer below
			}
			return fault.New("", fault.Unknown, a.Name, err)
		}
		before += a.Size
		text, err := json.Marshal(facts)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, layerInfo), text, 0o600)
		}
		if err != nil {
			return fault.New("", fault.Unknown, a.Name, err)
		}
		fresh = append(fresh, dir)
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := filetree.Sync(ctx, fresh[0]); err != nil {
		return err
	}
	for _, dir := range fresh {
		if err := os.Rename(filepath.Join(dir, layerPart), filepath.Join(dir, layerRoot)); err != nil {
			return err
		}
	}
	return nil
}

// unpackLayer writes one archive with its marks, as files, and checks its digests.
func (k *stack) unpackLayer(ctx context.Context, a Archive, t Target) (layerFacts, error) {
	x := newExtractor(ctx, t)
	x.size = a.Size
	x.layers = newLayers(t.Tree)
	if err := x.add(a); err != nil {
		return layerFacts{}, err
	}
	facts := layerFacts{Got: x.got}
	for dir := range x.layers.dirs {
		if !x.layers.made[dir] {
			facts.Implied = append(facts.Implied, dir)
		}
	}
	slices.Sort(facts.Implied)
	return facts, nil
}

// link puts the layers on top of each other.
func (k *stack) link(ctx context.Context, t Target, tree *filetree.Writer, shelves map[string]string) (Written, error) {
	x := newExtractor(ctx, t)
	x.layers = newLayers(tree)
	x.layers.marks = true
	for _, a := range k.all {
		dir := shelves[a.Plain]
		var facts layerFacts
		text, err := os.ReadFile(filepath.Join(dir, layerInfo))
		if err == nil {
			err = json.Unmarshal(text, &facts)
		}
		if err != nil {
			return x.got, fault.New("", fault.Corrupt, dir, err).WithRemedy("remove it, and try again")
		}
		now := time.Now() //nolint:forbidigo // a file's time, by which ioc prune tells what nobody wants
		if err := os.Chtimes(dir, now, now); err != nil {
			return x.got, err
		}
		x.got.Bytes += facts.Got.Bytes
		x.got.Files += facts.Got.Files
		x.got.Left += facts.Got.Left
		if facts.Got.Title != "" {
			x.got.Title = facts.Got.Title
		}
		if x.got.Arch == "" {
			x.got.Arch = facts.Got.Arch
		}
		if x.got.Bytes > x.limit || x.got.Files > x.entries {
			return x.got, x.full()
		}
		x.layers.next()
		if err := filetree.Walk(ctx, filepath.Join(dir, layerRoot), func(e *filetree.Entry) error {
			gone, err := x.layers.entry(e.Name, e.IsDir())
			if gone {
				x.got.Files--
			}
			if gone || err != nil {
				return err
			}
			if !e.IsDir() {
				return tree.LinkEntry(e)
			}
			if _, implied := slices.BinarySearch(facts.Implied, e.Name); implied {
				return nil
			}
			attr, err := e.Attr()
			if err != nil {
				return err
			}
			return tree.Mkdir(e.Name, attr)
		}); err != nil {
			return x.got, fault.New("", fault.Unknown, a.Name, err)
		}
	}
	return x.got, t.Progress(size(k.all), size(k.all))
}

func size(all []Archive) (n int64) {
	for _, a := range all {
		n += a.Size
	}
	return n
}
