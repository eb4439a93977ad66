package zfs

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
	"github.com/libioc/ioc/storage"
)

// making is a file in a jail's directory while the jail is being made.
const making = ".making"

// List asks once, however many there are.
func (d *Driver) List(ctx context.Context, k storage.Kind) ([]storage.Info, error) {
	if k != storage.Releases && k != storage.Jails {
		return nil, fault.New("list", fault.Invalid, k.String(), nil)
	}
	at := d.p.Root + "/" + k.String()
	rs, err := get(ctx, 2, at)
	if err != nil {
		return nil, fault.New("list", fault.Unknown, k.String(), err)
	}
	index := map[string]*row{}
	for i := range rs {
		index[rs[i].name] = &rs[i]
	}
	var all []storage.Info
	for _, r := range rs {
		name, ok := strings.CutPrefix(r.name, at+"/")
		set := storage.Dataset{Kind: k, Name: storage.Name(name)}
		if !ok || set.Validate() != nil || r.get("type") != "filesystem" {
			continue
		}
		if info, ok := d.p.info(set, &r, func(name string) *row { return index[name] }); ok {
			all = append(all, info)
		}
	}
	slices.SortFunc(all, func(a, b storage.Info) int { return strings.Compare(string(a.Dataset.Name), string(b.Dataset.Name)) })
	return all, nil
}

// Stat reports a dataset that cannot be used as broken; its error is for one that is not there.
func (d *Driver) Stat(ctx context.Context, set storage.Dataset) (storage.Info, error) {
	info, _, err := d.read(ctx, "stat", set, 1)
	return info, err
}

// read gives what is known of set and what is below it so many levels deep.
func (d *Driver) read(ctx context.Context, op string, set storage.Dataset, depth int, also ...string) (storage.Info, rows, error) {
	if err := set.Validate(); err != nil {
		return storage.Info{}, nil, err
	}
	rs, err := get(ctx, depth, append([]string{d.p.set(set)}, also...)...)
	if err != nil {
		return storage.Info{}, nil, fault.New(op, fault.Unknown, set.String(), err)
	}
	if r := rs.find(d.p.set(set)); r != nil {
		if info, ok := d.p.info(set, r, rs.find); ok {
			return info, rs, nil
		}
	}
	return storage.Info{}, rs, storage.NotFound(op, set.Now())
}

// info reads r, the row of set. It is false for what is being made, or was left so by a dead run.
func (p Place) info(set storage.Dataset, r *row, find func(string) *row) (storage.Info, bool) {
	info := storage.Info{Dataset: set, ID: r.get("guid"), Created: r.created()}
	if r.isMounted() {
		info.Dir = r.get("mountpoint")
	}
	root := find(r.name + "/root")
	if root == nil && info.Dir != "" {
		if _, err := os.Lstat(filepath.Join(info.Dir, making)); err == nil {
			return info, false
		}
	}
	if r.own[propOrigin] {
		_ = info.Origin.UnmarshalText([]byte(r.get(propOrigin))) // by hand made wrong: it is not known then
	} else if origin := root.get("origin"); origin != "" {
		info.Origin = p.originOf(origin)
	}
	_, info.Broken = rootOf(set, r, root)
	return info, true
}

// Glance looks what is mounted.
func (d *Driver) Glance(_ context.Context, k storage.Kind) ([]storage.Seen, error) {
	at := d.p.Root + "/" + k.String()
	mounts, err := mounted(at)
	if err != nil {
		return nil, fault.New("glance", fault.Unknown, k.String(), err)
	}
	dirs := map[string]string{}
	for _, m := range mounts {
		dirs[m.Root] = m.Dir
	}
	var all []storage.Seen
	for name, dir := range dirs {
		set := storage.Dataset{Kind: k, Name: storage.Name(strings.TrimPrefix(name, at+"/"))}
		if _, whole := dirs[name+"/root"]; whole && name != at && set.Validate() == nil {
			all = append(all, storage.Seen{Name: set.Name, Dir: dir})
		}
	}
	return all, nil
}

// Root is the directory where the root file system is mounted.
func (d *Driver) Root(ctx context.Context, set storage.Dataset) (storage.Root, error) {
	_, rs, err := d.read(ctx, "root", set, 1)
	if err != nil {
		return storage.Root{}, err
	}
	return rootOf(set, rs.find(d.p.set(set)), rs.find(d.p.files(set)))
}

func rootOf(set storage.Dataset, r, root *row) (storage.Root, error) {
	broken := func(remedy, format string, a ...any) (storage.Root, error) {
		return storage.Root{}, fault.New("root", fault.Corrupt, set.String(), fmt.Errorf(format, a...)).WithRemedy(remedy)
	}
	switch {
	case !r.isMounted():
		return broken("zfs mount "+r.name, "%s is not mounted", r.name)
	case root == nil:
		return broken("destroy "+string(set.Name), "%s/root is missing", r.name)
	case !root.isMounted():
		return broken("zfs mount "+root.name, "%s is not mounted", root.name)
	}
	return storage.Root{Dir: root.get("mountpoint")}, nil
}

// Snapshots are those of the root file system, also those that were taken by others.
func (d *Driver) Snapshots(ctx context.Context, set storage.Dataset) ([]storage.Snapshot, error) {
	_, rs, err := d.read(ctx, "snapshots", set, 2)
	if err != nil {
		return nil, err
	}
	if set.Kind == storage.Releases {
		return []storage.Snapshot{}, nil
	}
	all := []storage.Snapshot{}
	for _, r := range rs.snapshots(d.p.files(set)) {
		if n := snapshotName(&r); n[0] != '.' {
			all = append(all, storage.Snapshot{Name: n, Created: r.created(), Used: r.number("used"), ID: r.get("guid")})
		}
	}
	return all, nil
}

// Unwritten asks for the property written, which came after pool version 23.
func (d *Driver) Unwritten(ctx context.Context, set storage.Dataset, n storage.SnapshotName) bool {
	files := d.p.files(set)
	rs, err := get(ctx, 1, files)
	all := rs.snapshots(files)
	if err != nil || len(all) == 0 || snapshotName(&all[len(all)-1]) != n {
		return false
	}
	out, err := ask(ctx, "get", "-Hp", "-o", "value", "written", files)
	return err == nil && strings.TrimSpace(out) == "0"
}

func snapshotName(r *row) storage.SnapshotName {
	_, n, _ := strings.Cut(r.name, "@")
	return storage.SnapshotName(n)
}

// Usage is what ZFS accounts for; it takes no time, and may be some seconds old.
func (d *Driver) Usage(ctx context.Context, set storage.Dataset) (storage.Usage, error) {
	_, rs, err := d.read(ctx, "usage", set, 1)
	if err != nil {
		return storage.Usage{}, err
	}
	return usage(rs.find(d.p.set(set)), rs.find(d.p.files(set))), nil
}

func usage(r, root *row) storage.Usage {
	if root == nil {
		root = r
	}
	return storage.Usage{Used: r.number("used"), Referenced: root.number("referenced"), Available: root.number("available")}
}

// Survey asks once, however many there are.
func (d *Driver) Survey(ctx context.Context, k storage.Kind) (map[storage.Name]storage.Surveyed, error) {
	at := d.p.Root + "/" + k.String()
	out, err := ask(ctx, "get", "-Hp", "-r", "-d", "3", "-o", "name,property,value,source", "used,referenced,available", at)
	if err != nil && !onlyMissing(err) {
		return nil, fault.New("survey", fault.Unknown, k.String(), err)
	}
	rs := parse(out)
	index, snapshots := map[string]*row{}, map[string]int{}
	for i := range rs {
		index[rs[i].name] = &rs[i]
		if of, n, ok := strings.Cut(rs[i].name, "@"); ok && n[0] != '.' && k == storage.Jails {
			snapshots[of]++
		}
	}
	all := map[storage.Name]storage.Surveyed{}
	for name, r := range index {
		rest, ok := strings.CutPrefix(name, at+"/")
		if set := (storage.Dataset{Kind: k, Name: storage.Name(rest)}); ok && set.Validate() == nil {
			files := d.p.files(set)
			all[set.Name] = storage.Surveyed{Usage: usage(r, index[files]), Snapshots: snapshots[files]}
		}
	}
	return all, nil
}

// ReadFile reads one file.
func (d *Driver) ReadFile(_ context.Context, set storage.Dataset, name string) ([]byte, error) {
	if err := validFile(set, name); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(d.p.dir(set), name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New("read", fault.NotFound, set.String()+"/"+name, nil)
	case err != nil:
		return nil, fault.New("read", kindOf(err), set.String()+"/"+name, err)
	}
	return data, nil
}
