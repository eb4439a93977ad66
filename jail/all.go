package jail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// StartAll starts jails, and those that they depend on, at the same time as far as they do not wait for each
// other: a jail waits for those that it depends on, and for those of a lower priority. Jails that run are skipped.
//
// A jail that cannot be started leaves nothing behind; those that depend on it are not started, and what was started
// only for those that are not is stopped again. What is started stays so, with o.Atomic only if all are.
// Jails that depend on each other in a circle are a *CycleError, and nothing is started; with o.Ignore the others are.
func (k *Keeper) StartAll(names []Name, o SeveralOptions) events.Op[struct{}] {
	if len(names) == 1 {
		return events.Map(k.start(names[0], o.Properties, k.dependencies), func(sandbox.State) (none struct{}) { return none })
	}
	return k.operate(several{
		verb: "start", names: names, ignore: !o.Atomic,
		order: func(s events.Step) ([]*node, error) {
			return k.survey().order(s.Context(), ordering{op: "start", names: names, ignore: o.Ignore})
		},
		first: func(events.Step) error {
			_, err := k.canonical(o.Properties, nil) // once, and not of each
			return err
		},
		each: func(g *events.Group, t *tally, n *node) {
			if n.extra {
				add(g, t, n, k.startAlone(n.name))
				return
			}
			add(g, t, n, k.start(n.name, o.Properties, alone))
		},
	})
}

// StopAll stops jails in the opposite of the order in which StartAll starts them. A jail that is stopped
// stays so: when one cannot be stopped, those whose stop has begun are stopped, and no other is.
func (k *Keeper) StopAll(names []Name, stop StopOptions, o SeveralOptions) events.Op[struct{}] {
	if len(names) == 1 {
		return k.Stop(names[0], stop)
	}
	return k.operate(several{
		verb: "stop", names: names, ignore: o.Ignore, final: true,
		order: func(s events.Step) ([]*node, error) { return k.stopOrder(s.Context(), names, o.Ignore) },
		each:  func(g *events.Group, t *tally, n *node) { add(g, t, n, k.Stop(n.name, stop)) },
	})
}

// RestartAll restarts jails in the order in which StartAll starts them, and starts those that they depend on
// and that do not run. A jail that is restarted stays so: when one cannot be restarted, those that have begun go to
// their end, and no other begins.
func (k *Keeper) RestartAll(names []Name, stop StopOptions, o SeveralOptions) events.Op[struct{}] {
	if len(names) == 1 {
		return k.Restart(names[0], stop)
	}
	return k.operate(several{
		verb: "restart", names: names, ignore: o.Ignore, final: true,
		order: func(s events.Step) ([]*node, error) {
			return k.survey().order(s.Context(), ordering{op: "restart", names: names, ignore: o.Ignore, again: true})
		},
		each: func(g *events.Group, t *tally, n *node) {
			if n.extra {
				add(g, t, n, k.startAlone(n.name))
				return
			}
			add(g, t, n, k.restartAlone(n.name, stop))
		},
	})
}

// CreateAll makes jails that are alike. When one cannot be made, none is.
func (k *Keeper) CreateAll(names []Name, o CreateOptions) events.Op[[]Info] {
	if len(names) == 1 {
		return events.Map(k.Create(names[0], o), func(i Info) []Info { return []Info{i} })
	}
	x := several{
		verb: "create", names: names,
		each: func(g *events.Group, t *tally, n *node) { add(g, t, n, k.Create(n.name, o)) },
	}
	if o.Source == (storage.Origin{}) {
		if o.Release == "" {
			o.Release = k.Releases.Default()
		}
		x.first = func(s events.Step) error {
			if _, err := k.canonical(o.Properties, &config.Data{}); err != nil { // once, and not of each
				return err
			}
			_, err := k.needRelease(s, o.Release, o.NoFetch)
			return err
		}
	} else {
		x.shares = []Want{{Dataset: o.Source.Dataset}}
		x.width = 1 // the first one may have to freeze what all are made from
	}
	return events.Map(k.operate(x), func(struct{}) []Info { return nil })
}

// DestroyAll destroys jails as one operation: until all of them are out of sight, all can be brought back.
// What depends on a jail goes before it.
func (k *Keeper) DestroyAll(names []Name, o DestroyOptions) events.Op[struct{}] {
	if len(names) == 1 && !o.Clones {
		return k.Destroy(names[0], o)
	}
	return k.operate(several{
		verb: "destroy", names: names,
		order: func(s events.Step) ([]*node, error) {
			losses, err := k.Losses(s.Context(), names, o)
			if err != nil {
				return nil, err
			}
			var wants []Want
			var levels [][]Name
			for _, l := range losses {
				for len(levels) <= l.level {
					levels = append(levels, nil)
				}
				levels[l.level] = append(levels[l.level], l.Jail)
				wants = append(wants, Want{Dataset: storage.Jail(l.Jail)})
			}
			_, err = k.Enter(s, "destroy", wants...)
			return waves(levels), err
		},
		each: func(g *events.Group, t *tally, n *node) { add(g, t, n, k.Destroy(n.name, o)) },
	})
}

// Loss is what the destruction of a jail takes with it.
type Loss struct {
	Jail      Name
	State     State
	Snapshots []storage.SnapshotName
	CloneOf   Name // of the jail that was named; empty: it was named itself

	level int // those of a lower one go before it
}

// Losses tells what DestroyAll would take, in the order in which it goes. It changes nothing. Jails that
// depend on one of names are among it with o.Clones; without, it is fault.Busy, and names them.
func (k *Keeper) Losses(ctx context.Context, names []Name, o DestroyOptions) ([]Loss, error) {
	all := make(map[Name]*Loss, len(names))
	var visit func(n, cloneOf Name, path []Name) (*Loss, error)
	visit = func(n, cloneOf Name, path []Name) (*Loss, error) {
		if l, ok := all[n]; ok {
			return l, nil
		}
		if slices.Contains(path, n) { // no file system lets two depend on each other
			return nil, fault.New("destroy", fault.Corrupt, string(n), errors.New("it depends on itself"))
		}
		i, err := k.Look(ctx, n)
		if err != nil {
			return nil, refused("destroy", n, err)
		}
		if i.alive && !o.Force {
			return nil, isRunning("destroy", n)
		}
		l := &Loss{Jail: n, State: i.State, CloneOf: cloneOf}
		if snaps, err := k.Storage.Snapshots(ctx, storage.Jail(n)); err == nil { // a broken one can be destroyed
			for _, snap := range snaps {
				l.Snapshots = append(l.Snapshots, snap.Name)
			}
		}
		users, err := k.Storage.Users(ctx, storage.Jail(n).Now())
		if err != nil {
			users = nil
		}
		var foreign []storage.Dataset
		for _, u := range users {
			if u.Kind == storage.Jails && (o.Clones || slices.Contains(names, u.Name)) {
				below, err := visit(u.Name, n, append(path, n))
				if err != nil {
					return nil, err
				}
				l.level = max(l.level, below.level+1)
				continue
			}
			foreign = append(foreign, u)
		}
		if len(foreign) > 0 {
			return nil, fault.New("destroy", fault.Busy, string(n), &storage.UsersError{By: foreign}).
				WithRemedy("promote one of them, or destroy them first or with it")
		}
		if slices.Contains(names, n) {
			l.CloneOf = ""
		}
		all[n] = l
		return l, nil
	}
	var out []Loss
	for _, n := range names {
		if _, err := visit(n, "", nil); err != nil {
			return nil, err
		}
	}
	for _, l := range all {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Loss) int {
		if a.level != b.level {
			return a.level - b.level
		}
		return strings.Compare(string(a.Jail), string(b.Jail))
	})
	return out, nil
}

// Numbered are the names of count jails that are alike: base-1 and so on.
func Numbered(base Name, count int) ([]Name, error) {
	if count < 1 || count > 1000 {
		return nil, fault.New("create", fault.Invalid, string(base), fmt.Errorf("%d is no number of jails: at least 1, at most 1000", count))
	}
	all := make([]Name, 0, count)
	for n := range count {
		all = append(all, base+"-"+Name(strconv.Itoa(n+1)))
	}
	return all, nil
}
