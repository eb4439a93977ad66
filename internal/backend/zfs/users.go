package zfs

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Users are those whose file systems are clones of o's: also what is in the trash and may come back.
func (d *Driver) Users(ctx context.Context, o storage.Origin) ([]storage.Dataset, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	rs, err := get(ctx, 2, d.p.set(o.Dataset))
	if err != nil {
		return nil, err
	}
	name := d.p.files(o.Dataset)
	if o.Snapshot != "" {
		name += "@" + string(o.Snapshot)
	}
	if rs.find(name) == nil && (o.Snapshot != "" || rs.find(d.p.set(o.Dataset)) == nil) {
		return nil, storage.NotFound("users", o)
	}
	all, err := d.p.clones(ctx)
	if err != nil {
		return nil, err
	}
	by, _ := d.p.users(all, o.Dataset, func(origin string) bool {
		return o.Snapshot == "" || origin == name
	})
	return by, nil
}

// users are those of set's snapshots which which picks; others are users that are not ours.
func (p Place) users(all []clone, set storage.Dataset, which func(origin string) bool) (by []storage.Dataset, others []string) {
	return p.usersOf(all, p.set(set), set, which)
}

func (p Place) usersOf(all []clone, at string, set storage.Dataset, which func(origin string) bool) (by []storage.Dataset, others []string) {
	for _, c := range all {
		if !strings.HasPrefix(c.origin, at+"/") || strings.HasPrefix(c.name, at+"/") || !which(c.origin) {
			continue
		}
		if d, ok := p.datasetOf(c.name); ok && d != set {
			by = append(by, d)
		} else {
			others = append(others, c.name)
		}
	}
	slices.SortFunc(by, func(a, b storage.Dataset) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(by), others
}

// unused refuses what would break clones.
func (p Place) unused(ctx context.Context, op string, o storage.Origin, at string, which func(origin string) bool) error {
	all, err := p.clones(ctx)
	if err != nil {
		return err
	}
	by, others := p.usersOf(all, at, o.Dataset, which)
	return inUse(op, o, by, others)
}

func inUse(op string, o storage.Origin, by []storage.Dataset, others []string) error {
	switch {
	case len(by) > 0 && o.Dataset.Kind == storage.Jails:
		var names []string
		for _, d := range by {
			names = append(names, string(d.Name))
		}
		return fault.New(op, fault.Busy, o.String(), &storage.UsersError{By: by}).
			WithRemedy("promote " + strings.Join(names, " or ") + ", which then keeps what they share, or destroy it first")
	case len(by) > 0:
		return storage.InUse(op, o, by)
	case len(others) > 0:
		return fault.New(op, fault.Busy, o.String(), errors.New("used by "+strings.Join(others, ", ")+", which ioc does not know")).
			WithRemedy("zfs promote or zfs destroy " + others[0] + " first")
	}
	return nil
}

func anyOrigin(string) bool { return true }
