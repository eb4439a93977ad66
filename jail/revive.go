package jail

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// restart is the property that says when a jail is restarted.
const restart = "restart"

// policies are its values.
func policies() []string { return []string{"no", "on-failure", "always"} }

// The pauses before a jail is restarted once more double from the least to the most. One that has run for as long as the
// most begins anew with the least.
const (
	leastPause = time.Second
	mostPause  = time.Minute
)

// pauseBefore is the pause before the nth restart in a row, from 0.
func pauseBefore(n int) time.Duration {
	pause := leastPause
	for range n {
		pause = min(2*pause, mostPause)
	}
	return pause
}

// Revive is the payload of a restart that nobody but the jail's policy asked for.
type Revive struct {
	Subject
	Why     string // what is wrong with the jail
	Attempt int    // which in a row, from 1
}

// EventType is jail.revive.
func (*Revive) EventType() string { return "jail.revive" }

// EventTitle says why.
func (p *Revive) EventTitle() string { return "restart " + string(p.Jail) + ": " + p.Why }

// AppendAttrs lists reason and attempt.
func (p *Revive) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("why", p.Why), slog.Int("attempt", p.Attempt))
}

// Abandon is the payload of giving up on a jail that does not stay up.
type Abandon struct {
	Subject
	Restarts int // how many there were in a row
}

// EventType is jail.abandon.
func (*Abandon) EventType() string { return "jail.abandon" }

// EventTitle is for people.
func (p *Abandon) EventTitle() string { return "give up on " + string(p.Jail) }

// AppendAttrs lists the restarts.
func (p *Abandon) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int("restarts", p.Restarts))
}

// abandon is the operation that says that a jail is not restarted any more.
func (k *Keeper) abandon(name Name, restarts int) events.Op[struct{}] {
	return events.New(&Abandon{Subject{name}, restarts}, func(events.Step) (none struct{}, err error) {
		return none, fault.New("restart", fault.Unavailable, string(name), fmt.Errorf("it was restarted %d times and did not stay up", restarts)).
			WithRemedy("look at what it says, ioc logs " + string(name) + ", and start it")
	})
}

// revive starts a jail again that is dead or unhealthy, if it still is what the start of made of it. Without one, the
// jail is one that an earlier attempt has stopped and could not start.
func (k *Keeper) revive(name Name, of, why string, attempt int) events.Op[struct{}] {
	return events.New(&Revive{Subject{name}, why, attempt}, func(s events.Step) (none struct{}, err error) {
		const patience = 10 * time.Second
		if _, err := k.Enter(s, "restart", Want{Dataset: storage.Jail(name), Wait: patience}); err != nil {
			return none, err
		}
		i, err := k.Look(s.Context(), name)
		switch {
		case err != nil:
			return none, refused("restart", name, err)
		case of == "" && i.started, of != "" && (!i.started || i.State == Stopping || i.Sandbox.Run != of):
			return none, events.Skip("somebody has started or stopped it meanwhile")
		case i.alive && i.Health != Unhealthy:
			return none, events.Skip("it runs, and nothing is wrong with it any more")
		case i.started:
			return events.Call(s, k.Restart(name, StopOptions{}))
		}
		return none, skipValue(events.Call(s, k.Start(name)))
	})
}

func skipValue(_ sandbox.State, err error) error { return err }

// wrong is why a jail is to be restarted by its policy; empty: it is not. exit is how its first process ended, if it
// has and somebody saw it.
func (i *Info) wrong(exit sandbox.Exit) string {
	policy := i.value(restart)
	switch {
	case policy != "on-failure" && policy != "always" || i.usable != nil:
		return ""
	case i.alive && i.Health == Unhealthy:
		return i.Reason
	case i.State != Dead || i.rebooted:
		return ""
	case exit.Known && exit.Status() == 0 && policy == "on-failure":
		return ""
	case exit.Known:
		return "it ended: " + exit.String()
	}
	return i.Reason
}

// limit is how often a jail is restarted in a row; 0: again and again.
func (i *Info) restartLimit() int {
	n, err := strconv.Atoi(i.value("restart_limit"))
	if err != nil {
		return 0
	}
	return n
}
