package jail

import (
	"context"
	"errors"
	"slices"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Resume is the effect of noting that a jail which runs is to run again, should the operation that is about to stop it
// not come to its end. Its undo starts the jail as it is configured by then, also in a recovery: whatever the operation
// had changed is as it was before, because it was noted later. A jail that runs, or that is not there any more, is left alone.
type Resume struct {
	Subject

	keeper *Keeper
}

var _ events.Effect = (*Resume)(nil)

// EventType is jail.resume.
func (*Resume) EventType() string { return "jail.resume" }

// EventTitle is for people.
func (r *Resume) EventTitle() string {
	return "note that " + string(r.Jail) + " is to run again should this fail"
}

// Volatile is true: no jail runs on after a reboot.
func (*Resume) Volatile() bool { return true }

// Do does nothing: the record is the purpose.
func (*Resume) Do(context.Context) error { return nil }

// Undo starts the jail if it does not run.
func (r *Resume) Undo(ctx context.Context) error {
	s, ok := events.StepOf(ctx)
	if !ok || r.keeper == nil {
		return fault.New("start", fault.Internal, string(r.Jail), errors.New("nothing here starts jails"))
	}
	_, err := events.Call(s, r.keeper.startAlone(r.Jail))
	if errors.Is(err, fault.NotFound) {
		_, gone := r.keeper.Storage.Stat(ctx, storage.Jail(r.Jail))
		if errors.Is(gone, fault.NotFound) {
			return nil
		}
	}
	return err
}

// resume notes of jails that run that they are to run again if what s is part of fails. What others depend on is noted
// last, and so is started first.
func (k *Keeper) resume(s events.Step, op string, names []Name) error {
	if len(names) == 0 {
		return nil
	}
	var own []storage.Dataset
	for _, n := range names {
		own = append(own, storage.Jail(n))
	}
	if err := k.Claim(s, op, false, own, nil); err != nil {
		return err
	}
	nodes, err := k.survey().order(s.Context(), ordering{op: op, names: names, ignore: true, again: true})
	if err != nil {
		return err
	}
	for _, n := range slices.Backward(nodes) {
		if n.extra { // it does not run
			continue
		}
		if err := s.Apply(&Resume{Subject{n.name}, k}); err != nil {
			return err
		}
	}
	return nil
}
