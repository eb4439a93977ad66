package zfs

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// form is what the streams are called.
const form = "zfs"

// deep is how many levels below a jail are looked at.
const deep = 32

// Send finds the snapshot in all file systems that the jail has: the root file system, and what others have made below it or beside it.
func (d *Driver) Send(ctx context.Context, set storage.Dataset, n, base storage.SnapshotName) (storage.Shipment, error) {
	const op = "send"
	refuse := func(err error) (storage.Shipment, error) { return storage.Shipment{}, err }
	if err := errors.Join(set.Validate(), n.Validate()); err != nil {
		return refuse(err)
	}
	if base != "" && base.Validate() != nil {
		return refuse(base.Validate())
	}
	_, rs, err := d.read(ctx, op, set, deep)
	if err != nil {
		return refuse(err)
	}
	if set.Kind == storage.Releases {
		return refuse(storage.NoSnapshots(op, set))
	}
	files := d.p.files(set)
	snapshot, from := rs.find(files+"@"+string(n)), rs.find(files+"@"+string(base))
	switch {
	case snapshot == nil:
		return refuse(storage.NotFound(op, set.At(n)))
	case base != "" && from == nil:
		return refuse(storage.NotFound(op, set.At(base)))
	case base != "" && from.number("createtxg") >= snapshot.number("createtxg"):
		return refuse(fault.New(op, fault.Invalid, set.At(n).String(), errors.New("snapshot "+string(base)+" is not older")).
			WithRemedy("name an earlier one"))
	}
	x := storage.Shipment{Form: form, Parts: []storage.Part{{Path: "root", ID: snapshot.get("guid"), Base: from.get("guid")}}}
	args := [][]string{{snapshot.name}}
	if base != "" {
		args[0] = []string{"-i", "@" + string(base), snapshot.name}
	}
	for _, r := range d.p.others(rs, set) {
		at := rs.find(r.name + "@" + string(n))
		switch {
		case base != "":
			return refuse(fault.New(op, fault.NotSupported, set.At(n).String(), errors.New(r.name+" is a file system of its own, and what is new in one can be sent of jails that have none")).
				WithRemedy("send it whole, or zfs send each of its file systems"))
		case at == nil:
			return refuse(fault.New(op, fault.Invalid, set.At(n).String(), errors.New(r.name+" is a file system of its own, and has no such snapshot")).
				WithRemedy("zfs snapshot -r " + files + "@NEW takes one of what is below the jail's files; zfs rename " + r.name + " to a place that is not the jail's if it is not to be sent"))
		}
		x.Parts = append(x.Parts, storage.Part{Path: strings.TrimPrefix(r.name, d.p.set(set)+"/"), ID: at.get("guid")})
		args = append(args, []string{at.name})
	}
	for _, a := range args {
		size := sizeOf(ctx, a)
		if size == 0 {
			x.Size = 0
			break
		}
		x.Size += size
	}
	x.Write = func(ctx context.Context, part int, w io.Writer) error {
		return pump(ctx, w, append([]string{"send"}, args[part]...)...)
	}
	return x, nil
}

// others are the jail's file systems and volumes that ioc has not made, each behind the one that it is in.
func (p Place) others(rs rows, set storage.Dataset) rows {
	var all rows
	for _, r := range rs {
		rest, ok := strings.CutPrefix(r.name, p.set(set)+"/")
		if ok && rest != "root" && rest[0] != '.' && !strings.Contains(rest, "@") {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b row) int { return strings.Compare(a.name, b.name) })
	return all
}

// sizeOf asks how long a stream will be; 0 where zfs cannot say so: pool version 23 knows no send -n.
func sizeOf(ctx context.Context, args []string) int64 {
	out, err := ask(ctx, append([]string{"send", "-nvP"}, args...)...)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(out) {
		if size, ok := strings.CutPrefix(strings.TrimSpace(line), "size\t"); ok {
			n, _ := strconv.ParseInt(size, 10, 64) // 0 where it is none
			return n
		}
	}
	return 0
}
