package zfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// mounted lists where the file system called name and those below it are mounted, the highest first.
func mounted(name string) ([]Place, error) {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return m.Source != name && !strings.HasPrefix(m.Source, name+"/") || !strings.HasSuffix(m.FSType, "zfs"), false
	})
	if err != nil {
		return nil, err
	}
	var all []Place
	for _, m := range mounts {
		all = append(all, Place{Root: m.Source, Dir: m.Mountpoint})
	}
	slices.SortStableFunc(all, func(a, b Place) int { return strings.Compare(a.Root, b.Root) })
	return all, nil
}

// unmount takes name and what is below it out of the tree of files, the lowest first. zfs unmount would
// be a process for each.
func unmount(ctx context.Context, name string) ([]Place, error) {
	all, err := mounted(name)
	if err != nil {
		return nil, err
	}
	for _, m := range slices.Backward(all) {
		err := persist(ctx, patience, func() error {
			if err := detach(m.Dir); err != nil && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrNotExist) {
				return fault.New("unmount", fault.Busy, m.Dir, fmt.Errorf("%w: %w", errBusy, err))
			}
			return nil
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// hide renames a file system to a place where it is not mounted.
func hide(ctx context.Context, from, to string) error { return relocate(ctx, from, to, false) }

// rename renames a file system that stays mounted.
func rename(ctx context.Context, from, to string) error {
	was, err := mounted(from)
	if err != nil {
		return err
	}
	if len(was) > 0 && viaFUSE(was[0].Dir) {
		// A mounted one is busy there as long as it is tried: the program that serves it gets to know of an unmount too late.
		return relocate(ctx, from, to, true)
	}
	clones, err := renameWithClones(ctx, from, to)
	return errors.Join(err, remount(ctx, clones))
}

// relocate unmounts, renames, and mounts again what is to be.
func relocate(ctx context.Context, from, to string, again bool) error {
	was, err := unmount(ctx, from)
	if err == nil {
		storage.Point(ctx, "unmounted")
		var clones []Place
		clones, err = renameWithClones(ctx, from, to)
		was = append(was, clones...)
	}
	if err != nil {
		return errors.Join(err, remount(ctx, was))
	}
	storage.Point(ctx, "renamed")
	var back []Place
	for _, m := range slices.Backward(was) {
		switch rest, moved := strings.CutPrefix(m.Root, from); {
		case !moved:
			back = append(back, m)
		case again:
			back = append(back, Place{Root: to + rest})
		}
		if !again {
			_ = os.Remove(m.Dir) // zfs does where it has unmounted it itself; what is not empty stays
		}
	}
	slices.Reverse(back)
	return remount(ctx, back)
}

// renameWithClones renames what is not mounted. The program behind FUSE is of a time when a file system could not be
// renamed while a clone of it was mounted (dsl_dir_rename_check): there they are unmounted, too, and given back.
func renameWithClones(ctx context.Context, from, to string) ([]Place, error) {
	try := func() error { return change(ctx, "rename", from, to) }
	err := persist(ctx, patience/20, try)
	if !errors.Is(err, errBusy) {
		return nil, err
	}
	clones, err := clonesBelow(ctx, from)
	if err != nil {
		return nil, err
	}
	var was []Place
	for _, name := range clones {
		at, err := mounted(name)
		if err == nil && len(at) > 0 && viaFUSE(at[0].Dir) {
			was = append(was, at...)
			_, err = unmount(ctx, name)
		}
		if err != nil {
			return was, err
		}
	}
	return was, persist(ctx, patience, try)
}

// clonesBelow lists the clones of name and of what is below it.
func clonesBelow(ctx context.Context, name string) ([]string, error) {
	all, err := Place{Root: name}.clones(ctx)
	var names []string
	for _, c := range all {
		origin, _, _ := strings.Cut(c.origin, "@")
		if below(origin, name) && !below(c.name, name) {
			names = append(names, c.name)
		}
	}
	return names, err
}

func below(name, top string) bool { return name == top || strings.HasPrefix(name, top+"/") }

// remount mounts what is not, the highest first.
func remount(ctx context.Context, was []Place) error {
	for _, m := range was {
		now, err := mounted(m.Root)
		if err != nil {
			return err
		}
		if len(now) > 0 && now[0].Root == m.Root {
			continue
		}
		if err := change(ctx, "mount", m.Root); err != nil && !strings.Contains(err.Error(), "already mounted") {
			return err
		}
	}
	return nil
}

// whole mounts what a change that was killed has left unmounted of the dataset called name, and of its clones.
func whole(ctx context.Context, name string) error {
	clones, err := clonesBelow(ctx, name)
	if err != nil {
		return err
	}
	rs, err := get(ctx, 1, append([]string{name}, clones...)...)
	if err != nil {
		return err
	}
	var not []Place
	for _, r := range rs {
		if r.get("type") == "filesystem" && !r.isMounted() && strings.HasPrefix(r.get("mountpoint"), "/") &&
			(r.name == name || r.name == name+"/root" || slices.Contains(clones, r.name)) {
			not = append(not, Place{Root: r.name})
		}
	}
	return remount(ctx, not)
}

// remove destroys a file system with all that is below it. What is not there is removed already.
func remove(ctx context.Context, name string) error {
	was, err := unmount(ctx, name)
	if err != nil {
		return err
	}
	storage.Point(ctx, "unmounted")
	err = persist(ctx, purgePatience, func() error { return gone(change(ctx, "destroy", "-r", name)) })
	for _, m := range slices.Backward(was) {
		if os.Remove(m.Dir) != nil {
			break
		}
	}
	return err
}
