package jail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/format/fstab"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// contain says of binds whose source lies where a jail can write that no symbolic link is followed there: in what this or another
// jail mounts, and in the directory of the root. What a jail puts there would lead to any place of the host with the next start.
// A link that is there now is an error. lines are those of the jail's fstab, as far as they are mounts.
func (k *Keeper) contain(ctx context.Context, i *Info, mounts, lines []sandbox.Mount) error {
	if !slices.ContainsFunc(mounts, func(m sandbox.Mount) bool { return m.Type == "bind" }) {
		return nil
	}
	var open []string
	add := func(dir string) {
		if real, err := filepath.EvalSymlinks(dir); err == nil && real != "/" {
			open = append(open, real)
		}
	}
	if i.Dir != "" { // the root's own directory, with what is in the roots of jails
		add(filepath.Dir(filepath.Dir(i.Dir)))
	}
	for _, m := range append(lines, k.othersMounts(ctx, i.Name)...) {
		if m.Type == "bind" && !isReadOnly(m.Options) {
			add(m.Source)
		}
	}
	for n := range mounts {
		if m := &mounts[n]; m.Type == "bind" {
			if err := within(m, open); err != nil {
				return err
			}
		}
	}
	return nil
}

// othersMounts are what the fstabs of other jails ask for. Who cannot be read mounts nothing either.
func (k *Keeper) othersMounts(ctx context.Context, but Name) (all []sandbox.Mount) {
	found, err := k.Storage.List(ctx, storage.Jails)
	if err != nil {
		return nil
	}
	for _, f := range found {
		if f.Dataset.Name == but {
			continue
		}
		file, err := k.fstab(ctx, f.Dataset.Name)
		if err != nil {
			continue
		}
		for _, e := range file.Entries() {
			if e.Type == "nullfs" || e.Type == "bind" {
				all = append(all, sandbox.Mount{Type: "bind", Source: e.Source, Options: e.Options})
			}
		}
	}
	return all
}

// binds are the lines of an fstab that can be mounted.
func (i *Info) binds(f *fstab.File, dir string) (all []sandbox.Mount) {
	for _, e := range f.Entries() {
		if m, err := i.mount(e, dir); err == nil {
			all = append(all, m)
		}
	}
	return all
}

func isReadOnly(options []string) bool {
	ro := false
	for _, o := range options {
		if o == "ro" || o == "rw" {
			ro = o == "ro"
		}
	}
	return ro
}

// within finds on the way to a bind's source the first place that is in one of the open directories. From there on nothing may
// lead away.
func within(m *sandbox.Mount, open []string) error {
	names := strings.Split(strings.TrimPrefix(m.Source, "/"), "/")
	for n := range names {
		at, err := filepath.EvalSymlinks("/" + filepath.Join(names[:n+1]...))
		if err != nil {
			return nil //nolint:nilerr // it is not there, and so far nobody but the host can change that
		}
		dir := ""
		for _, d := range open {
			if (at == d || strings.HasPrefix(at, d+"/")) && (dir == "" || len(d) < len(dir)) {
				dir = d
			}
		}
		source := filepath.Join(append([]string{at}, names[n+1:]...)...)
		if dir == "" || source == dir {
			continue
		}
		m.Source, m.Within = source, dir
		return straight(dir, source)
	}
	return nil
}

// straight refuses a symbolic link between dir and path.
func straight(dir, path string) error {
	rest := strings.TrimPrefix(path, dir+"/")
	for at := dir; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		at = filepath.Join(at, name)
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the mount says so
		}
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return fault.New("", fault.Invalid, path, fmt.Errorf("%s is a symbolic link, and a jail may have put it there, which can write to %s", at, dir)).
				WithRemedy("name what it leads to as the source, or take the link away")
		}
	}
	return nil
}
