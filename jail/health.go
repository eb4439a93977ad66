package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Checking is the payload of a check of a running jail's health.
type Checking struct {
	Subject
	Check string // the property
}

// EventType is jail.health.
func (*Checking) EventType() string { return "jail.health" }

// EventTitle is for people.
func (p *Checking) EventTitle() string { return "check " + string(p.Jail) }

// AppendAttrs lists the check.
func (p *Checking) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("check", p.Check))
}

// Question is the payload of the step that waits for a check's answer. A no is no failure of it.
type Question struct {
	Subject
	Check string        // the property
	Bound time.Duration // how long is waited at most
}

// EventType is jail.question.
func (*Question) EventType() string { return "jail.question" }

// EventTitle is for people.
func (p *Question) EventTitle() string { return "ask for " + p.Check }

// AppendAttrs lists check and bound.
func (p *Question) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("check", p.Check), slog.Duration("bound", p.Bound))
}

// Checked is what became of a check.
type Checked struct {
	Health   Health // of the jail, with this check
	Failures int    // checks in a row that failed
	Why      string // what this one said if it failed; empty: it succeeded
}

// String reads "healthy" or "unhealthy: exit 1".
func (c Checked) String() string {
	if c.Why == "" {
		return string(c.Health)
	}
	return string(c.Health) + ": " + c.Why
}

// Check asks a running jail once what its property health says, and notes what has changed by the answer. An answer of
// no is in the value, and no error.
func (k *Keeper) Check(name Name) events.Op[Checked] {
	p := &Checking{Subject: Subject{name}}
	return events.New(p, func(s events.Step) (done Checked, err error) {
		if _, err := k.Enter(s, "health"); err != nil {
			return done, err
		}
		i, err := k.running(s.Context(), "health", name)
		if err != nil {
			return done, err
		}
		value := i.value("health")
		if value == "" {
			return done, fault.New("health", fault.Invalid, string(name), errors.New("nothing says what a check of it is")).
				WithRemedy("ioc set health=exec:COMMAND " + string(name))
		}
		no, err := k.question(s, &i, value)
		if err != nil {
			return done, refused("health", name, err)
		}
		if status, err := k.Sandbox.Status(s.Context(), i.Sandbox); no != nil && (err != nil || status != sandbox.Running) {
			return done, fault.New("health", fault.Unavailable, string(name), errors.Join(errors.New("it ended while it was checked"), err))
		}
		now := k.Now()
		change := func(v Vital) Vital { return i.judge(v, no, now) }
		v := k.vital(&i)
		if v == nil {
			v = &Vital{Start: i.Sandbox.Run}
		}
		v2 := change(*v)
		done = Checked{Health: v2.Health, Failures: v2.Failures}
		if no != nil {
			done.Why = no.Error()
		}
		s.Result(done)
		_, err = k.mark(s, "health", &i, change)
		return done, refused("health", name, err)
	})
}

// question gives the answer: nil is yes. What cannot be asked is a no, too; err is that the operation is to end.
func (k *Keeper) question(s events.Step, i *Info, value string) (no, err error) {
	c, err := parseCheck(value)
	if err != nil {
		return nil, err
	}
	bound := i.seconds("health_timeout")
	err = s.Do(&Question{Subject{i.Name}, value, bound}, func(s events.Step) error {
		ctx, cancel := context.WithTimeout(s.Context(), bound)
		defer cancel()
		no = k.ask(ctx, s, i, i.Sandbox, c)
		if ctx.Err() != nil && no != nil {
			no = fmt.Errorf("no answer within %v", bound)
		}
		if s.Context().Err() != nil {
			return context.Cause(s.Context())
		}
		if no != nil {
			return events.Skip(no.Error())
		}
		return nil
	})
	return no, err
}

// judge says what is to be noted when a check gave this answer.
func (i *Info) judge(v Vital, no error, now time.Time) Vital {
	was := v.Health
	switch {
	case no == nil:
		v.Health, v.Failures, v.Why = Healthy, 0, ""
	case v.Health != Healthy && v.Health != Unhealthy && now.Before(i.Started.Add(i.seconds("health_start_period"))):
		v.Health = Starting
	case v.Failures >= i.retries() && v.Health == Unhealthy: // it is known
	default:
		v.Failures, v.Why = v.Failures+1, no.Error()
		if v.Health == "" {
			v.Health = Starting
		}
		if v.Failures >= i.retries() {
			v.Health = Unhealthy
		}
	}
	if v.Health != was {
		v.Since = now.UTC()
	}
	return v
}

// retries is how many checks in a row have to fail.
func (i *Info) retries() int {
	n, err := strconv.Atoi(i.value("health_retries"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// fare tells how a jail that runs fares.
func (k *Keeper) fare(i *Info) {
	if !i.alive || i.value("health") == "" {
		return
	}
	v := k.vital(i)
	switch {
	case v != nil && v.Health != "":
		i.Health = v.Health
	case k.Now().Before(i.Started.Add(i.seconds("health_start_period") + i.seconds("health_interval") + i.seconds("health_timeout"))):
		i.Health = Starting
	default:
		i.Health = Unchecked
	}
	if i.usable != nil {
		return
	}
	switch i.Health {
	case Unhealthy:
		i.Reason, i.Remedy = "unhealthy: "+v.Why, "look at what it says: ioc logs "+string(i.Name)
	case Unchecked:
		i.Reason, i.Remedy = "nobody checks its health", "run ioc monitor"
	}
}
