package jail

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
)

// OutOfMemory is the payload of the report that the kernel has killed processes of a jail that had no memory left.
type OutOfMemory struct {
	Subject
	Killed int64  // since it was told last
	Limit  string // the property memoryuse
}

// EventType is jail.oom.
func (*OutOfMemory) EventType() string { return "jail.oom" }

// EventTitle is for people.
func (p *OutOfMemory) EventTitle() string {
	what := "a process"
	if p.Killed > 1 {
		what = fmt.Sprintf("%d processes", p.Killed)
	}
	return fmt.Sprintf("the kernel killed %s of %s: the jail may use %s of memory", what, p.Jail, p.Limit)
}

// AppendAttrs lists the number and the limit.
func (p *OutOfMemory) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int64("killed", p.Killed), slog.String("memoryuse", p.Limit))
}

// Accounting is the payload of looking what the kernel has done to a jail.
type Accounting struct{ Subject }

// EventType is jail.account.
func (*Accounting) EventType() string { return "jail.account" }

// EventTitle is for people.
func (p *Accounting) EventTitle() string { return "look what the kernel did to " + string(p.Jail) }

// killed is how many processes of a jail the kernel has killed for want of memory since that was told last, and in all.
func (k *Keeper) killed(ctx context.Context, i *Info) (untold, all int64) {
	counter, ok := k.Sandbox.(sandbox.Counter)
	if !ok || !i.started || i.Sandbox.ID == "" {
		return 0, 0
	}
	all, err := counter.Killed(ctx, i.Sandbox)
	if err != nil || all <= 0 {
		return 0, 0 // where it is not counted there is nothing to tell
	}
	if v := k.vital(i); v != nil {
		return all - v.Killed, all
	}
	return all, all
}

// isShort says that there is something to tell.
func (k *Keeper) isShort(ctx context.Context, i *Info) bool {
	untold, _ := k.killed(ctx, i)
	return untold > 0
}

// account is the operation that tells it.
func (k *Keeper) account(name Name) events.Op[struct{}] {
	return events.New(&Accounting{Subject{name}}, func(s events.Step) (none struct{}, err error) {
		i, err := k.running(s.Context(), "account", name)
		if err != nil {
			return none, err
		}
		return none, k.tellKilled(s, "account", &i)
	})
}

// tellKilled puts into the stream what the kernel has killed, and notes that it was told. While somebody else is at work
// on the jail it is left to the next who looks.
func (k *Keeper) tellKilled(s events.Step, op string, i *Info) error {
	if untold, _ := k.killed(s.Context(), i); untold <= 0 {
		return nil
	}
	var untold int64
	done, err := k.mark(s, op, i, func(v Vital) Vital {
		_, all := k.killed(s.Context(), i)
		untold, v.Killed = all-v.Killed, max(all, v.Killed)
		return v
	})
	if err != nil || !done {
		return err
	}
	return k.sayKilled(s, i, untold)
}

func (k *Keeper) sayKilled(s events.Step, i *Info, untold int64) error {
	return s.Do(&OutOfMemory{Subject{i.Name}, untold, i.value("memoryuse")}, func(events.Step) error { return nil })
}

// lastKilled tells it before a jail is stopped: nobody can afterwards.
func (k *Keeper) lastKilled(s events.Step, i *Info) error {
	if untold, _ := k.killed(s.Context(), i); untold > 0 {
		return k.sayKilled(s, i, untold)
	}
	return nil
}
