package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/format/fstab"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Mount is a line of a jail's fstab.
type Mount struct {
	Source  string   // a directory or a file of the host; of a tmpfs nothing
	Target  string   // in the jail
	Type    string   // nullfs, which bind is too, or tmpfs; empty: nullfs
	Options []string // ro, rw, noexec, exec, nosuid, suid, noatime; of a tmpfs size=, mode=, uid= and gid=, too
	Comment string
}

// FstabAdd is the payload of adding a mount to a jail.
type FstabAdd struct {
	Subject
	Mount Mount
}

// EventType is fstab.add.
func (*FstabAdd) EventType() string { return "fstab.add" }

// EventTitle is for people.
func (p *FstabAdd) EventTitle() string {
	return "add mount " + p.Mount.Target + " to " + string(p.Jail)
}

// AppendAttrs lists what is mounted where.
func (p *FstabAdd) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst,
		slog.String("source", p.Mount.Source),                      // on the host
		slog.String("target", p.Mount.Target),                      // in the jail
		slog.String("type", p.Mount.Type),                          // nullfs or tmpfs
		slog.String("options", strings.Join(p.Mount.Options, ","))) // as in fstab(5)
}

// FstabRemove is the payload of taking a mount from a jail.
type FstabRemove struct {
	Subject
	Mount string // its place in the jail, or what is mounted
}

// EventType is fstab.remove.
func (*FstabRemove) EventType() string { return "fstab.remove" }

// EventTitle is for people.
func (p *FstabRemove) EventTitle() string {
	return "remove mount " + p.Mount + " from " + string(p.Jail)
}

// AppendAttrs lists the mount.
func (p *FstabRemove) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("mount", p.Mount))
}

// Mounts lists the mounts of a jail's fstab.
func (k *Keeper) Mounts(ctx context.Context, name Name) ([]Mount, error) {
	i, err := k.Look(ctx, name)
	if err != nil {
		return nil, refused("fstab", name, err)
	}
	f, err := k.fstab(ctx, name)
	if err != nil {
		return nil, refused("fstab", name, err)
	}
	dir := k.root(ctx, name)
	var all []Mount
	for _, e := range f.Entries() {
		all = append(all, Mount{e.Source, i.inside(e.Target, dir), e.Type, e.Options, e.Comment})
	}
	return all, nil
}

// AddMount adds a line to a jail's fstab, and mounts it at once if the jail runs. What is there already is skipped; another
// mount at the same place is fault.Exists. If the driver cannot do it in a jail that runs, it is fault.NotSupported.
func (k *Keeper) AddMount(name Name, m Mount) events.Op[struct{}] {
	if m.Type == "" {
		m.Type = "nullfs"
	}
	return events.New(&FstabAdd{Subject{name}, m}, func(s events.Step) (none struct{}, err error) {
		return none, k.editFstab(s, name, "fstab add", func(i *Info, f *fstab.File, dir string) (events.Effect, error) {
			e := fstab.Entry{Source: m.Source, Target: m.Target, Type: m.Type, Options: m.Options, Comment: m.Comment}
			if e.Source == "" {
				e.Source = m.Type
			}
			mount, err := i.mount(e, dir)
			if err != nil {
				return nil, err
			}
			for _, old := range f.Entries() {
				if i.inside(old.Target, dir) != mount.Target {
					continue
				}
				old.Target, old.Line, old.Comment, e.Comment = mount.Target, 0, "", ""
				if old.String() == e.String() {
					return nil, events.Skip("it is there")
				}
				return nil, fault.New("", fault.Exists, mount.Target, errors.New("something else is mounted there")).
					WithRemedy("remove that mount first")
			}
			mounts := []sandbox.Mount{mount}
			if err := k.contain(s.Context(), i, mounts, i.binds(f, dir)); err != nil {
				return nil, err
			}
			if mount = mounts[0]; mount.Type == "bind" {
				if _, err := os.Stat(mount.Source); err != nil {
					return nil, fault.New("", fault.Invalid, "", err)
				}
			}
			if f.Add(e); !i.alive {
				return nil, nil
			}
			mounter, ok := k.Sandbox.(sandbox.Mounter)
			if !ok {
				return nil, fault.Unsupported("a mount in a jail that runs", "another back end")
			}
			return mounter.Mount(i.Sandbox, mount)
		})
	})
}

// RemoveMount takes the line with a target, or else the one with a source, out of a jail's fstab, and unmounts it at once if the
// jail runs. One that is in use is fault.Busy. If there is none it is skipped.
func (k *Keeper) RemoveMount(name Name, what string) events.Op[struct{}] {
	return events.New(&FstabRemove{Subject{name}, what}, func(s events.Step) (none struct{}, err error) {
		return none, k.editFstab(s, name, "fstab rm", func(i *Info, f *fstab.File, dir string) (effect events.Effect, err error) {
			is := func(e fstab.Entry) bool { return i.inside(e.Target, dir) == what }
			if !slices.ContainsFunc(f.Entries(), is) {
				is = func(e fstab.Entry) bool { return e.Source == what }
			}
			all := slices.DeleteFunc(f.Entries(), func(e fstab.Entry) bool { return !is(e) })
			switch len(all) {
			case 0:
				return nil, events.Skip("there is no mount of or at " + what)
			case 1:
				f.Remove(is)
			default:
				return nil, fault.New("", fault.Invalid, what, fmt.Errorf("it is in %d lines", len(all))).WithRemedy("name the place in the jail")
			}
			mounter, ok := k.Sandbox.(sandbox.Mounter)
			if !ok || !i.alive {
				return nil, nil
			}
			mount, err := i.mount(all[0], dir)
			if err != nil {
				return nil, nil //nolint:nilerr // it cannot have been mounted
			}
			mounts := []sandbox.Mount{mount}
			// What is refused now was mounted before; an undo would be refused in its turn.
			_ = k.contain(s.Context(), i, mounts, append(i.binds(f, dir), mount))
			mount = mounts[0]
			effect, err = mounter.Unmount(i.Sandbox, mount)
			if errors.Is(err, fault.NotFound) {
				return nil, nil // it was added while the jail ran and could not be mounted
			}
			return effect, err
		})
	})
}

// editFstab changes a jail's fstab, and the jail's mounts by the effect that edit gives, if any.
func (k *Keeper) editFstab(s events.Step, name Name, op string, edit func(*Info, *fstab.File, string) (events.Effect, error)) error {
	if _, err := k.Enter(s, op, Want{Dataset: storage.Jail(name)}); err != nil {
		return err
	}
	i, err := k.Look(s.Context(), name)
	if err == nil {
		err = i.check(op)
	}
	if err != nil {
		return refused(op, name, err)
	}
	f, err := k.fstab(s.Context(), name)
	if err != nil {
		return refused(op, name, err)
	}
	live, err := edit(&i, f, k.root(s.Context(), name))
	if err != nil {
		return asSkip(op, name, err)
	}
	if err := k.writeFstab(s, name, op, f.Encode()); err != nil || live == nil {
		return err
	}
	// It is not retained: a mount is in the jail's own namespace, and ending the jail ends it.
	return refused(op, name, s.Apply(live))
}

// writeFstab writes a jail's fstab. The caller has entered.
func (k *Keeper) writeFstab(s events.Step, name Name, op string, text []byte) error {
	jail := storage.Jail(name)
	written, err := k.Storage.WriteFile(s.Context(), jail, fstabFile, text)
	if err != nil {
		return err
	}
	if err := k.Claim(s, op, true, []storage.Dataset{jail}, nil); err != nil {
		return err
	}
	return written.Apply(s)
}

// fstab reads a jail's fstab; one that is not there is empty.
func (k *Keeper) fstab(ctx context.Context, name Name) (*fstab.File, error) {
	text, err := k.Storage.ReadFile(ctx, storage.Jail(name), fstabFile)
	if errors.Is(err, fault.NotFound) {
		return &fstab.File{}, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := fstab.Parse(text)
	if err != nil {
		return nil, fault.New("", fault.Invalid, "", err).WithRemedy("mend that line")
	}
	return f, nil
}

// root is the directory that is a jail's root; empty if it is made of layers.
func (k *Keeper) root(ctx context.Context, name Name) string {
	root, err := k.Storage.Root(ctx, storage.Jail(name))
	if err != nil {
		return "" // whoever needs it will say so
	}
	return root.Dir
}

// mounts are what a jail's fstab asks for.
func (k *Keeper) mounts(ctx context.Context, i *Info, dir string) ([]sandbox.Mount, error) {
	f, err := k.fstab(ctx, i.Name)
	if err != nil {
		return nil, err
	}
	var all []sandbox.Mount
	for _, e := range f.Entries() {
		m, err := i.mount(e, dir)
		if err != nil {
			return nil, fault.New("", fault.KindOf(err), "", e.At(err))
		}
		all = append(all, m)
	}
	return all, k.contain(ctx, i, all, all)
}

// inside is a target as the jail names it: libioc and FreeBSD write the host's name of it.
func (i *Info) inside(target, dir string) string {
	for _, root := range []string{dir, filepath.Join(i.Dir, "root")} {
		if rest, ok := strings.CutPrefix(target, root+"/"); ok && root != "" {
			return "/" + rest
		}
	}
	return target
}

// mount says what the sandbox is to make of a line.
func (i *Info) mount(e fstab.Entry, dir string) (sandbox.Mount, error) {
	bad := func(format string, a ...any) (sandbox.Mount, error) {
		return sandbox.Mount{}, fault.New("", fault.Invalid, "", fmt.Errorf(format, a...))
	}
	m := sandbox.Mount{Target: i.inside(e.Target, dir)}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	for _, field := range append([]string{e.Source, e.Target, e.Comment}, e.Options...) {
		if strings.ContainsFunc(field, control) {
			return bad("%q: control characters are not allowed", field)
		}
	}
	switch {
	case !path.IsAbs(m.Target) || path.Clean(m.Target) != m.Target || m.Target == "/":
		return bad("target %q: not an absolute path below the jail's root, without . and ..", e.Target)
	case slices.Contains([]string{"/dev", "/proc", "/sys"}, "/"+strings.SplitN(m.Target, "/", 3)[1]):
		return bad("target %q: %s is the jail's own", e.Target, "/"+strings.SplitN(m.Target, "/", 3)[1])
	}
	switch e.Type {
	case "nullfs", "bind":
		m.Type, m.Source = "bind", e.Source
		if !path.IsAbs(m.Source) || path.Clean(m.Source) != m.Source {
			return bad("source %q: not an absolute path without . and ..", e.Source)
		}
	case "tmpfs":
		m.Type = "tmpfs"
	default:
		return sandbox.Mount{}, fault.New("", fault.NotSupported, "", fmt.Errorf("type %q: nullfs, bind and tmpfs can be mounted", e.Type))
	}
	for _, o := range e.Options {
		key, _, valued := strings.Cut(o, "=")
		switch {
		case strings.ContainsAny(o, " ,#"):
			return bad("option %q: it has a blank, a comma or a # in it", o)
		case slices.Contains([]string{"ro", "rw", "noexec", "exec", "nosuid", "suid", "nodev", "noatime"}, o):
		case valued && m.Type == "tmpfs" && slices.Contains([]string{"size", "mode", "uid", "gid", "nr_inodes"}, key):
		default:
			return bad("option %q: not one of ro, rw, noexec, exec, nosuid, suid, nodev, noatime, nor, of a tmpfs, of size=, mode=, uid=, gid=, nr_inodes=", o)
		}
		m.Options = append(m.Options, o)
	}
	return m, nil
}
