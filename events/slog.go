package events

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Slog logs the events of one run to l. The message is the event's type, the time is the event's.
//
//	Debug  a Begin; a skipped step; a failure that is part of its parent's
//	Info   a step that succeeded
//	Warn   an undo; a failure that the operation handled: it went on, or succeeded all the same
//	Error  the failure of the outermost failed step; what a rollback, or an action after the commit, left
//
// Whether a failure is handled is known when its parent goes on with another step or ends, and it is
// logged then. Progress is not logged.
func Slog(l *slog.Logger) Sink {
	s := &logSink{to: l.Handler(), held: map[ID][]Event{}, told: map[leftover]int{}}
	return s.event
}

// logSink holds failures until it is clear what they are.
type logSink struct {
	to    slog.Handler
	held  map[ID][]Event // failed steps, by parent
	told  map[leftover]int
	attrs []slog.Attr
}

// leftover recognises a residue that is reported again by every step that fails for it.
type leftover struct {
	of     ID
	action string
	lsn    uint64
}

func (s *logSink) event(ev *Event) {
	switch ev.Phase {
	case Begin:
		if len(s.held) > 0 && ev.Kind != Undo { // with an undo it is the parent that fails
			s.goesOn(ev)
		}
		s.log(ev, slog.LevelDebug)
	case Progress:
	case End:
		if len(s.held) > 0 {
			s.settle(ev)
		}
		s.end(ev)
	}
}

func (s *logSink) end(ev *Event) {
	switch ev.Status {
	case Succeeded:
		level := slog.LevelInfo
		if ev.Kind == Undo {
			level = slog.LevelWarn
		}
		s.log(ev, level)
	case Skipped, Pending:
		s.log(ev, slog.LevelDebug)
	case Failed:
		switch {
		case ev.Kind == Undo:
			s.log(ev, slog.LevelWarn) // if it is not tried again, its parent tells what is left
		case ev.Kind == Commit, ev.Parent == 0:
			s.log(ev, slog.LevelError)
		default:
			s.held[ev.Parent] = append(s.held[ev.Parent], *ev)
		}
		s.residue(ev)
	}
	if ev.Parent == 0 {
		clear(s.held)
		clear(s.told)
	}
}

// goesOn is called when a step begins: what failed below its parent, and in its lane, was handled. Lanes
// are numbered in the order in which they begin, so a later lane is a sibling in a group.
func (s *logSink) goesOn(next *Event) {
	held := s.held[next.Parent]
	if len(held) == 0 {
		return
	}
	held = slices.DeleteFunc(held, func(ev Event) bool {
		if ev.Lane < next.Lane {
			return false
		}
		again := next.Kind == Revert && next.Type() == ev.Type() && next.Key() == ev.Key()
		s.log(&ev, handled(&ev, again))
		return true
	})
	s.keep(next.Parent, held)
}

// handled is the level of a failure that its parent outlived. What recovery could not undo is left,
// unless it is tried again.
func handled(ev *Event, again bool) slog.Level {
	if ev.Kind == Revert && !again {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// settle is called when a step ends: its end tells what the failures below it were.
func (s *logSink) settle(parent *Event) {
	held := s.held[parent.ID]
	for i := range held {
		ev := &held[i]
		level := handled(ev, false)
		if parent.Status == Failed && level == slog.LevelWarn && partOf(ev, parent) {
			level = slog.LevelDebug
		}
		s.log(ev, level)
	}
	s.keep(parent.ID, nil)
}

func (s *logSink) keep(parent ID, held []Event) {
	if len(held) == 0 {
		delete(s.held, parent)
		return
	}
	s.held[parent] = held
}

// residue logs what was left behind and not told yet.
func (s *logSink) residue(ev *Event) {
	left := residueOf(nil, ev.Err)
	if len(left) == 0 || !s.to.Enabled(context.Background(), slog.LevelError) {
		return
	}
	now := map[leftover]int{}
	for _, r := range left {
		key := leftover{r.Of, r.Action, r.LSN}
		if now[key]++; now[key] <= s.told[key] {
			continue
		}
		rec := slog.NewRecord(timeOf(ev), slog.LevelError, r.Action, 0)
		rec.AddAttrs(slog.String("status", "left behind"), slog.Uint64("of", uint64(r.Of)))
		if ev.Run != nil {
			rec.AddAttrs(slog.String("run", ev.Run.ID.String()))
		}
		if r.Err != nil {
			rec.AddAttrs(slog.String("err", errorText(r.Err)))
		}
		if r.LSN != 0 {
			rec.AddAttrs(slog.Uint64("lsn", r.LSN))
		}
		_ = s.to.Handle(context.Background(), rec)
	}
	for key, n := range now {
		s.told[key] = max(s.told[key], n)
	}
}

func (s *logSink) log(ev *Event, level slog.Level) {
	if !s.to.Enabled(context.Background(), level) {
		return
	}
	rec := slog.NewRecord(timeOf(ev), level, ev.Type(), 0)
	s.attrs = ev.appendLog(s.attrs[:0])
	rec.AddAttrs(s.attrs...)
	clear(s.attrs)
	_ = s.to.Handle(context.Background(), rec) // a log that fails has nobody to tell
}

// timeOf is the wall clock's time of ev.
func timeOf(ev *Event) time.Time {
	if ev.Run == nil {
		return time.Time{}
	}
	return ev.Run.Started.Add(ev.At)
}
