package zfs

import (
	"context"
	"errors"
	"slices"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Activation plans that pools are ioc's, or are not. One that becomes ioc's and has no file system for it gets one. None
// is there for a pool that is so already; a pool that does not exist is fault.NotFound, and nothing is planned.
func Activation(ctx context.Context, pools []string, active bool) ([]events.Effect, error) {
	all, err := Pools(ctx)
	if err != nil {
		return nil, err
	}
	var plan []events.Effect
	for _, name := range slices.Compact(slices.Sorted(slices.Values(pools))) {
		i := slices.IndexFunc(all, func(p Pool) bool { return p.Name == name })
		if i < 0 {
			return nil, fault.New("", fault.NotFound, "pool "+name, nil).WithRemedy("ioc list --pools lists them")
		}
		p := all[i]
		e := &Activate{Pool: name, GUID: p.guid, From: p.active, Active: active}
		if active && p.Root == "" {
			e.Make, e.ID = name+"/ioc", newID()
		}
		if p.Active != active || e.Make != "" {
			plan = append(plan, e)
		}
	}
	return plan, nil
}

// Activate is the effect that makes a pool ioc's, or ends that. What is in the pool stays.
type Activate struct {
	Pool   string
	GUID   string // of the pool's file system
	Active bool
	From   string // what the property said; empty: nothing
	Make   string // the file system that is made; empty: there is one
	ID     string // of that
}

// EventType is the effect's name in events.
func (*Activate) EventType() string { return "storage.activate" }

// EventTitle is for people.
func (e *Activate) EventTitle() string {
	if e.Active {
		return "let ioc use pool " + e.Pool
	}
	return "let ioc use pool " + e.Pool + " no more"
}

// EventKey is the pool.
func (e *Activate) EventKey() string { return e.Pool }

// Do makes the file system first: a pool that is active has one.
func (e *Activate) Do(ctx context.Context) error {
	if same, err := e.same(ctx); err != nil || !same {
		return events.Untouched(errors.Join(err, changedPool(e.Pool, same)))
	}
	if e.Make != "" {
		if err := change(ctx, "create", "-o", propID+"="+e.ID, e.Make); err != nil {
			if errors.Is(err, fault.Exists) {
				return events.Untouched(changedPool(e.Pool, false))
			}
			return err
		}
	}
	if e.Active {
		return change(ctx, "set", propActive+"=yes", e.Pool)
	}
	return change(ctx, "set", propActive+"=no", e.Pool)
}

// Undo makes the property what it was, and removes the file system, in which nothing can be yet.
func (e *Activate) Undo(ctx context.Context) error {
	same, err := e.same(ctx)
	if err != nil || !same {
		return err
	}
	if e.From != "" {
		err = change(ctx, "set", propActive+"="+e.From, e.Pool)
	} else {
		err = change(ctx, "inherit", propActive, e.Pool)
	}
	if err != nil || e.Make == "" {
		return err
	}
	rs, err := get(ctx, 0, e.Make)
	if err != nil || rs.find(e.Make).id() != e.ID {
		return err
	}
	return persist(ctx, patience, func() error { return gone(change(ctx, "destroy", e.Make)) })
}

func (e *Activate) same(ctx context.Context) (bool, error) {
	rs, err := get(ctx, 0, e.Pool)
	return rs.find(e.Pool).get("guid") == e.GUID, err
}

func changedPool(name string, same bool) error {
	if same {
		return nil
	}
	return fault.New("activate", fault.Busy, "pool "+name, errors.New("it has changed since the change was planned")).WithRemedy("try again")
}
