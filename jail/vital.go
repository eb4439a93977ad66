package jail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Vitals keep how running jails fare: a small text for each. They may be lost with a reboot.
type Vitals interface {
	// Read gives what was written last for a name, and nil if nothing is kept.
	Read(name Name) ([]byte, error)
	// Write replaces what is kept for a name; nil removes it, also where there is nothing. Readers see the one or the other.
	Write(name Name, text []byte) error
}

// Health is what the checks of a running jail say.
type Health string

// The healths. A jail without a check has none.
const (
	Starting  Health = "starting"  // no check has succeeded yet
	Healthy   Health = "healthy"   // the last check has succeeded, or not enough have failed since
	Unhealthy Health = "unhealthy" // as many checks in a row as health_retries says have failed
	Unchecked Health = "unchecked" // nobody has checked it, although there was time for it
)

// Vital is how a running jail fares, as far as it was noted.
type Vital struct {
	Start    string    // which start it is about: State.Run of the jail's sandbox
	Health   Health    `json:",omitempty"`
	Since    time.Time // of Health
	Failures int       `json:",omitempty"` // checks in a row that failed, at most health_retries
	Why      string    `json:",omitempty"` // what the last one said
	Killed   int64     `json:",omitempty"` // processes that the kernel killed for want of memory, as far as it was told
}

// Mark is the effect of noting how a running jail fares. The first one of a start is kept by the jail: its stop undoes
// it, which removes whatever was noted since.
type Mark struct {
	Subject
	Now    Vital
	Before *Vital `json:",omitempty"` // nil: nothing was noted of this start

	vitals Vitals
}

var _ events.Effect = (*Mark)(nil)

// EventType is jail.mark.
func (*Mark) EventType() string { return "jail.mark" }

// EventTitle says what is noted.
func (m *Mark) EventTitle() string {
	what := "note that " + string(m.Jail) + " is "
	switch {
	case m.Now.Health == "":
		return "note how " + string(m.Jail) + " fares"
	case m.Now.Why != "" && m.Now.Health != Unhealthy:
		return fmt.Sprintf("%s%s, and that %d checks in a row have failed: %s", what, m.Now.Health, m.Now.Failures, m.Now.Why)
	case m.Now.Why != "":
		return what + string(m.Now.Health) + ": " + m.Now.Why
	}
	return what + string(m.Now.Health)
}

// AppendAttrs lists what is noted.
func (m *Mark) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst,
		slog.String("health", string(m.Now.Health)), // starting, healthy, unhealthy, or empty: it has no check
		slog.Int("failures", m.Now.Failures),        // checks in a row
		slog.Int64("killed", m.Now.Killed))          // processes, for want of memory
}

// Volatile is true: no jail runs on after a reboot.
func (*Mark) Volatile() bool { return true }

// Do writes it down.
func (m *Mark) Do(context.Context) error {
	if m.vitals == nil {
		return fault.New("mark", fault.Internal, string(m.Jail), errors.New("nothing here keeps how jails fare"))
	}
	return m.write(&m.Now)
}

// Undo writes down what was noted before. What somebody else has noted meanwhile stays, unless this is the first mark.
func (m *Mark) Undo(context.Context) error {
	if m.vitals == nil || m.Before == nil {
		return m.write(nil)
	}
	text, err := m.vitals.Read(m.Jail)
	if err != nil || !bytes.Equal(text, encodeVital(&m.Now)) {
		return err
	}
	return m.write(m.Before)
}

func (m *Mark) write(v *Vital) error {
	switch {
	case m.vitals == nil:
		return nil
	case v == nil:
		return refused("mark", m.Jail, m.vitals.Write(m.Jail, nil))
	}
	return refused("mark", m.Jail, m.vitals.Write(m.Jail, encodeVital(v)))
}

func encodeVital(v *Vital) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("jail: " + err.Error()) // strings and numbers only
	}
	return append(text, '\n')
}

// vital is what was noted of the start that i runs by; nil: nothing. What cannot be read counts as nothing.
func (k *Keeper) vital(i *Info) *Vital {
	if k.Vitals == nil || !i.started {
		return nil
	}
	text, err := k.Vitals.Read(i.Name)
	if err != nil || text == nil {
		return nil
	}
	var v Vital
	if json.Unmarshal(text, &v) != nil || v.Start != i.Sandbox.Run {
		return nil
	}
	return &v
}

// mark notes what change makes of what is noted of a jail, while it still runs by the same start; nothing is done if that
// is the same. Whoever is at work on the jail is not waited for long: what was not noted is noted the next time.
func (k *Keeper) mark(s events.Step, op string, i *Info, change func(Vital) Vital) (done bool, err error) {
	if v := k.vital(i); v != nil && change(*v) == *v {
		return false, nil
	}
	const patience = 2 * time.Second
	_, err = k.Enter(s, op, Want{Dataset: storage.Jail(i.Name), Wait: patience})
	if errors.Is(err, fault.Busy) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now, err := k.Look(s.Context(), i.Name)
	if err != nil || !now.started || now.State == Stopping || now.Sandbox.Run != i.Sandbox.Run {
		return false, err
	}
	return k.note(s, op, &now, change)
}

// note is mark for who has entered already.
func (k *Keeper) note(s events.Step, op string, i *Info, change func(Vital) Vital) (done bool, err error) {
	m := &Mark{Subject: Subject{i.Name}, Before: k.vital(i), vitals: k.Vitals}
	before := Vital{Start: i.Sandbox.Run}
	if m.Before != nil {
		before = *m.Before
	}
	if m.Now = change(before); m.Now == before {
		return false, nil
	}
	if err := k.Claim(s, op, false, []storage.Dataset{storage.Jail(i.Name)}, nil); err != nil {
		return false, err
	}
	if i.marked {
		return true, s.Apply(m)
	}
	return true, s.Do(&Noting{Subject{i.Name}}, func(s events.Step) error {
		if err := s.Extend(Key(i.Name)); err != nil {
			return err
		}
		return s.Apply(m)
	})
}

// Noting is the payload of the step that notes for the first time how a jail fares.
type Noting struct{ Subject }

// EventType is jail.note.
func (*Noting) EventType() string { return "jail.note" }

// EventTitle is for people.
func (p *Noting) EventTitle() string {
	return "keep how " + string(p.Jail) + " fares until it is stopped"
}

// isMarked says that a stop will remove what is noted.
func isMarked(kept *Kept) bool {
	return slices.ContainsFunc(kept.Effects, func(e events.Effect) bool {
		_, ok := e.(*Mark)
		return ok
	})
}
