package zfs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Share wants file systems that somebody has set apart for jails, by the property jailed: the host mounts them no more, wherever a jail
// says that they are. ioc does not set it, and does not take it away when the jail ends: what the jail has done to it would be the
// host's then.
func (d *Driver) Share(ctx context.Context, set storage.Dataset, guest string, names []string) (storage.Change, error) {
	const op = "share"
	if err := canShare(); err != nil {
		return storage.Change{}, err
	}
	out, err := ask(ctx, append([]string{"get", "-Hp", "-o", "name,property,value,source", "guid,type,jailed"}, names...)...)
	if err != nil && !onlyMissing(err) {
		return storage.Change{}, fault.New(op, fault.Unknown, set.String(), err)
	}
	rs := parse(out)
	e := &Share{Dataset: set, Guest: guest, GUIDs: map[string]string{}}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		r := rs.find(name)
		switch {
		case r == nil:
			return storage.Change{}, fault.New(op, fault.NotFound, name, nil).WithRemedy("zfs create -o jailed=on " + name)
		case below(d.p.Root, name) || below(name, d.p.Root):
			return storage.Change{}, fault.New(op, fault.Invalid, name, errors.New("ioc keeps its jails there")).WithRemedy("choose one beside " + d.p.Root)
		case r.get("type") != "filesystem":
			return storage.Change{}, fault.New(op, fault.Invalid, name, fmt.Errorf("it is a %s, and no file system", r.get("type")))
		case r.get("jailed") != "on":
			return storage.Change{}, fault.New(op, fault.Invalid, name, errors.New("it is not set apart for jails: jailed is "+r.get("jailed"))).
				WithRemedy("zfs set jailed=on " + name)
		}
		e.GUIDs[name] = r.get("guid")
	}
	return storage.Change{Do: []events.Effect{e}}, nil
}

// Share is the effect that lets the root of a jail manage file systems, as long as the jail runs.
type Share struct {
	Dataset storage.Dataset   // the jail's
	Guest   string            // what the kernel calls the jail
	GUIDs   map[string]string // of the file systems, by their names
}

// EventType is the effect's name in events.
func (*Share) EventType() string { return "storage.share" }

// EventTitle is for people.
func (e *Share) EventTitle() string {
	return "let " + string(e.Dataset.Name) + " manage " + strings.Join(e.names(), ", ")
}

// EventKey is the jail.
func (e *Share) EventKey() string { return e.Dataset.String() }

// Volatile is true: the kernel forgets it with the jail.
func (*Share) Volatile() bool { return true }

func (e *Share) names() []string {
	names := make([]string, 0, len(e.GUIDs))
	for name := range e.GUIDs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Do attaches one after the other, if they are those that were looked at.
func (e *Share) Do(ctx context.Context) error {
	rs, err := get(ctx, 0, e.names()...)
	if err != nil {
		return events.Untouched(err)
	}
	for _, name := range e.names() {
		if rs.find(name).get("guid") != e.GUIDs[name] {
			return events.Untouched(fault.New("share", fault.Busy, name, errors.New("it has changed since the change was planned")).WithRemedy("try again"))
		}
	}
	for _, name := range e.names() {
		if err := change(ctx, "jail", e.Guest, name); err != nil && !errors.Is(err, fault.Exists) { // it is the jail's already
			return err
		}
		storage.Point(ctx, name+" attached")
	}
	return nil
}

// Undo detaches those that are the same, and unmounts with it what the jail has mounted. Neither one that is not attached nor a jail that is
// gone is an error: the kernel has forgotten it then.
func (e *Share) Undo(ctx context.Context) error {
	rs, err := get(ctx, 0, e.names()...)
	if err != nil {
		return err
	}
	var all []error
	for _, name := range slices.Backward(e.names()) {
		if rs.find(name).get("guid") != e.GUIDs[name] {
			continue
		}
		if err := change(ctx, "unjail", e.Guest, name); err != nil && !notAttached(err) {
			all = append(all, err)
		}
		storage.Point(ctx, name+" detached")
	}
	return errors.Join(all...)
}

// notAttached tells what zfs unjail says of a file system that is not the jail's, ENOENT of the kernel (zone_dataset_detach), and of
// a jail that is not there (zfs_main.c, zfs_do_jail_impl).
func notAttached(err error) bool {
	return errors.Is(err, fault.NotFound) || strings.Contains(err.Error(), "invalid jail id or name")
}
