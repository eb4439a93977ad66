package jail

import (
	"errors"
	"slices"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// rehearse tells what Apply would do, as the same steps; what would be done in them is skipped. What fails in a rehearsal would
// fail. It changes nothing.
func (k *Keeper) rehearse(s events.Step, all []Desired, o ApplyOptions) error {
	if k.Rehearse == nil {
		return fault.New("apply", fault.Internal, "dry run", errors.New("nothing here rehearses"))
	}
	other, options, err := k.Rehearse(s.Context())
	if err != nil {
		return err
	}
	o.DryRun = false
	var told []events.Event
	skipped, undone := false, map[events.ID]bool{}
	run := other.Apply(all, o).Start(s.Context(), options...)
	for ev := range run.Events() {
		switch {
		case ev.Kind == events.Undo || undone[ev.Parent]: // nobody asked what a failure would take back, only what would fail
			undone[ev.ID] = true
		case ev.Depth > 0:
			told = append(told, ev)
		}
		skipped = ev.Skipped()
	}
	err = run.Err()
	for len(told) > 0 {
		// What one of the operation's own steps told comes together: none of them goes on while another one does.
		end := slices.IndexFunc(told, func(ev events.Event) bool { return ev.ID == told[0].ID && ev.Phase == events.End })
		if end < 0 {
			return errors.Join(err, events.ErrCut)
		}
		step := told[:end+1]
		told = told[end+1:]
		if adopted := s.Adopt(imagined(step)); adopted != nil && err == nil {
			return adopted
		}
	}
	switch {
	case err != nil:
		return err
	case skipped:
		return events.Skip("all of it is so")
	default:
		return events.Skip("nothing was changed")
	}
}

// imagined are the events of a step that was rehearsed.
func imagined(told []events.Event) func(yield func(events.Event) bool) {
	return func(yield func(events.Event) bool) {
		for n, ev := range told {
			if n == 0 || n == len(told)-1 {
				ev.Parent = 0
			}
			ev.Detail, ev.Dur = nil, 0 // of what the rehearsal has made up
			if ev.Phase == events.Progress {
				continue
			}
			if ev.Phase == events.End && ev.Status == events.Succeeded {
				ev.Status, ev.Err = events.Skipped, events.Skip("it would be done")
			}
			if !yield(ev) {
				return
			}
		}
	}
}
