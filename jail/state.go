package jail

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// State is what a jail is in.
type State string

// The states.
const (
	Stopped  State = "stopped" // it can be started
	Running  State = "running"
	Stopping State = "stopping" // its stop has begun and is not over, or was broken off
	Dead     State = "dead"     // it was started, and ended by itself; starting or stopping it repairs it
	Broken   State = "broken"   // it cannot be used as it is
)

// Info is what is known of a jail.
type Info struct {
	Name    Name
	State   State
	Reason  string // why it is dead or broken, or will be when it has been stopped
	Remedy  string // what repairs it
	Release storage.Name
	Origin  storage.Origin // what it was made from, by the name it had then
	Created time.Time
	Started time.Time // of a running or dead one
	Dir     string    // where its config.json and fstab are; empty: nowhere on the host
	Config  *config.Data
	Default *config.Data  // the host's: what holds where Config says nothing
	Sandbox sandbox.State // of a running or dead one

	Addresses []netip.Prefix // of its network, while it runs
	Health    Health         // of a running one that has a check; empty: it has none

	attendants []network.Attendant // of a running one

	source   string // of the root it is in; empty: Source
	started  bool   // its start is on record
	alive    bool   // its first process lives
	marked   bool   // its stop removes what is noted of it
	rebooted bool   // the machine was booted since its start
	gone     bool   // its files are not there
	usable   error  // why it cannot be used, nil if it can
}

// Look tells what a jail is in. One that does not exist is fault.NotFound; one that is broken is not an error.
func (k *Keeper) Look(ctx context.Context, name Name) (Info, error) {
	if err := name.Validate(); err != nil {
		return Info{}, err
	}
	kept, keptErr := k.Records.Kept(Key(name))
	found, err := k.Storage.Stat(ctx, storage.Jail(name))
	switch {
	case errors.Is(err, fault.NotFound) && kept != nil:
		return k.lost(ctx, name, kept, keptErr), nil
	case errors.Is(err, fault.NotFound):
		return Info{}, fault.New("", fault.NotFound, "jail "+string(name), nil)
	case err != nil:
		return Info{}, err
	}
	return k.examine(ctx, found, k.defaults(ctx), kept, keptErr), nil
}

// outside tells whether a jail runs, and what its start has left, before its storage is asked for a plan: whether there is such
// a jail at all the plan says.
func (k *Keeper) outside(ctx context.Context, name Name) (Info, error) {
	if kept, err := k.Records.Kept(Key(name)); kept == nil && err == nil {
		return Info{Name: name, State: Stopped}, nil
	}
	return k.Look(ctx, name)
}

// missing makes of the error of a plan the one that there is no such jail, if that is why.
func (k *Keeper) missing(ctx context.Context, name Name, err error) error {
	if errors.Is(err, fault.NotFound) {
		if _, look := k.Look(ctx, name); look != nil {
			return look
		}
	}
	return err
}

// List gives all jails in the order of their names. A broken one is among them and breaks nobody else.
func (k *Keeper) List(ctx context.Context) ([]Info, error) {
	found, err := k.Storage.List(ctx, storage.Jails)
	if err != nil {
		return nil, err
	}
	keys, err := k.Records.Keys()
	if err != nil {
		return nil, err
	}
	defaults := k.defaults(ctx)
	all := make([]Info, len(found))
	var wait sync.WaitGroup
	for w, width := 0, runtime.GOMAXPROCS(0); w < width; w++ { // thousands of jails are thousands of small files
		wait.Go(func() {
			for n := w; n < len(found) && ctx.Err() == nil; n += width {
				f := found[n]
				var kept *Kept
				var keptErr error
				if _, ok := slices.BinarySearch(keys, Key(f.Dataset.Name)); ok {
					kept, keptErr = k.Records.Kept(Key(f.Dataset.Name))
				}
				all[n] = k.examine(ctx, f, defaults, kept, keptErr)
			}
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, key := range keys {
		name, ok := strings.CutPrefix(key, keyPrefix)
		if !ok || slices.ContainsFunc(found, func(f storage.Info) bool { return string(f.Dataset.Name) == name }) {
			continue
		}
		if kept, err := k.Records.Kept(key); kept != nil || err != nil {
			all = append(all, k.lost(ctx, Name(name), kept, err))
		}
	}
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return all, nil
}

// examine puts together what storage and journal know of a jail.
func (k *Keeper) examine(ctx context.Context, f storage.Info, d defaults, kept *Kept, keptErr error) Info {
	i := Info{Name: f.Dataset.Name, State: Stopped, Origin: f.Origin, Created: f.Created, Dir: f.Dir, Default: d.data, source: k.Source, usable: d.err}
	k.liveness(ctx, &i, kept)
	if file, err := k.Storage.ReadFile(ctx, f.Dataset, configFile); err != nil {
		i.usable = &configError{err}
	} else if i.Config, err = config.Parse(file); err != nil {
		i.usable = &configError{fault.New("", fault.Unknown, "", err).WithRemedy("mend that line, or go back to an earlier version of the configuration")}
	}
	if release, ok := i.Config.Get("release"); ok && !config.Unset(release) {
		i.Release = storage.Name(release)
	}
	k.fare(&i)
	remedy := "destroy it"
	if f.Broken != nil {
		i.usable = f.Broken
	}
	if keptErr != nil {
		i.usable, remedy = keptErr, "give up the record of its start, ioc recover --resolve "+Key(i.Name)+", and then end what is left of it, ioc doctor --fix"
	}
	if i.usable != nil {
		if i.State != Running { // it goes on, and can be stopped
			i.State = Broken
		}
		i.Reason, i.Remedy = i.usable.Error(), remedy
		if r := fault.Remedies(i.usable); len(r) > 0 {
			i.Remedy = r[0]
		}
	}
	return i
}

// lost is a jail whose start is on record and whose files are not there.
func (k *Keeper) lost(ctx context.Context, name Name, kept *Kept, keptErr error) Info {
	i := Info{Name: name, State: Stopped, source: k.Source, gone: true}
	k.liveness(ctx, &i, kept)
	i.usable = errors.Join(errors.New("its files are gone, but it was not stopped"), keptErr)
	i.State, i.Reason, i.Remedy = Broken, i.usable.Error(), "stop it"
	return i
}

// liveness tells running from dead by the effects that the start retained.
func (k *Keeper) liveness(ctx context.Context, i *Info, kept *Kept) {
	if kept == nil {
		return
	}
	i.started, i.Started, i.marked = true, kept.Since, isMarked(kept)
	i.State, i.Remedy = Dead, "start or stop it"
	i.Reason = "its start left nothing that runs"
	for _, e := range kept.Effects {
		if held, ok := e.(sandbox.Held); ok {
			i.Sandbox = held.State()
		}
	}
	if kept.Releasing {
		i.State, i.Reason, i.Remedy = Stopping, "its stop has begun and is not over", "wait, or stop it again"
		return
	}
	if i.Sandbox.ID == "" {
		return
	}
	status, err := k.Sandbox.Status(ctx, i.Sandbox)
	switch {
	case err != nil:
		i.Reason = err.Error()
	case status == sandbox.Running:
		i.alive = true
		i.State, i.Reason, i.Remedy = Running, "", ""
		i.Addresses, i.attendants = addresses(kept), attendants(kept)
	case status == sandbox.Rebooted:
		i.rebooted = true
		i.Reason = "the machine was booted since it was started"
	default:
		i.Reason = "its first process is gone, and ioc did not end it"
	}
}

// settle makes a stopped jail of a dead one: what its start retained is released. Nothing of that is
// taken back when the operation fails later.
func (k *Keeper) settle(s events.Step, i *Info) error {
	if !i.started || i.alive {
		return nil
	}
	if err := k.lastKilled(s, i); err != nil {
		return err
	}
	if err := s.Complete(&Settle{Subject{i.Name}, i.Reason}, func(s events.Step) error {
		return k.Records.Release(s, Key(i.Name), nil)
	}); err != nil {
		return err
	}
	i.stopped()
	return nil
}

// stopped notes that nothing is retained any more.
func (i *Info) stopped() {
	i.started, i.alive, i.marked, i.Sandbox, i.Started, i.Addresses, i.Health = false, false, false, sandbox.State{}, time.Time{}, nil, ""
	i.State, i.Reason, i.Remedy = Stopped, "", ""
	if i.usable != nil {
		i.State, i.Reason, i.Remedy = Broken, i.usable.Error(), "destroy it"
	}
}

// check refuses what cannot be used.
func (i *Info) check(op string) error {
	if i.usable == nil {
		return nil
	}
	return fault.New(op, fault.KindOf(i.usable), string(i.Name), i.usable)
}

// Settle is the payload of a dead jail's stop.
type Settle struct {
	Subject
	Reason string // why it is dead
}

// EventType is jail.settle.
func (*Settle) EventType() string { return "jail.settle" }

// EventTitle says why.
func (p *Settle) EventTitle() string { return "clean up after " + string(p.Jail) + ": " + p.Reason }

// AppendAttrs lists the reason.
func (p *Settle) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("reason", p.Reason))
}
