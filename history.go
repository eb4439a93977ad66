package ioc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/history"
)

// HistoryFilter chooses operations of the history; package history describes its fields.
type HistoryFilter = history.Filter

// History yields the operations that were run on this host, by any process, the oldest first; package history
// says which are kept and for how long. A stream that cannot be read yields what is known of it with the
// error, and the others go on. In a dry run nothing is kept.
func (h *Host) History(f HistoryFilter) iter.Seq2[history.Operation, error] {
	if h.history == nil {
		return func(func(history.Operation, error) bool) {}
	}
	return h.history.List(f)
}

// Operation finds one operation of the history: by its ID, by the beginning of it if there is no other that begins
// so, or, by the word last, the newest. Capitals do not count. None is fault.NotFound, several are fault.Invalid.
func (h *Host) Operation(id string) (history.Operation, error) {
	if id == "" {
		return history.Operation{}, fault.New("", fault.Invalid, "operation", errors.New("no id was given"))
	}
	var found []history.Operation
	for o, err := range h.History(HistoryFilter{}) {
		switch {
		case err != nil && o.Run.ID.IsZero():
			return o, fault.New("", fault.Unknown, "history", err)
		case id == "last":
			found = []history.Operation{o}
		case strings.HasPrefix(o.Run.ID.String(), strings.ToUpper(id)):
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case id == "last":
		return history.Operation{}, fault.New("", fault.NotFound, "history", errors.New("there is no operation yet"))
	case len(found) == 0:
		return history.Operation{}, noOperation(id)
	}
	const few = 5
	var b strings.Builder
	for i := range found[:min(few, len(found))] {
		fmt.Fprintf(&b, " %s", found[i].Run.ID)
	}
	if len(found) > few {
		b.WriteString(" ...")
	}
	return history.Operation{}, fault.New("", fault.Invalid, "operation "+id,
		fmt.Errorf("%d operations begin so:%s", len(found), b.String())).WithRemedy("give more of the id")
}

func noOperation(id string) error {
	return fault.New("", fault.NotFound, "operation "+id, nil).
		WithRemedy("ioc events lists the operations that are kept")
}

// Replay yields the stream of an operation again. The payload of an event is a *events.Recorded; the other
// differences from a live one are those of [events.ReadNDJSON]. It ends with [events.ErrTruncated] if the
// operation has not ended.
func (h *Host) Replay(run events.RunID) iter.Seq2[events.Event, error] {
	return func(yield func(events.Event, error) bool) {
		if h.history == nil {
			yield(events.Event{}, noOperation(run.String()))
			return
		}
		for ev, err := range h.history.Events(run) {
			if errors.Is(err, fs.ErrNotExist) {
				err = noOperation(run.String())
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

// Follow yields the events of operations that any process runs on this host, as they happen, until ctx is done;
// [history.Dir.Follow] has the details. In a dry run it ends at once.
func (h *Host) Follow(ctx context.Context, f HistoryFilter) iter.Seq2[history.Followed, error] {
	if h.history == nil {
		return func(func(history.Followed, error) bool) {}
	}
	return h.history.Follow(ctx, f)
}

// HistoryErr is why the stream of an operation of this Host could not be kept, nil if all could: a full disk
// for example. The operation itself did not suffer.
func (h *Host) HistoryErr() error {
	if h.history == nil {
		return nil
	}
	return h.history.Err()
}
