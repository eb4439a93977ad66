package ioc

import (
	"context"
	"iter"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/jail"
)

// MonitorOptions say how a monitor watches.
type MonitorOptions struct {
	Clock jail.Clock // nil: the system's
}

// Monitor watches the host's jails: it checks the health of those that say how, restarts those that died or are unhealthy
// as their policies say, and tells of processes that the kernel killed for want of memory. It yields the events of what it
// does, each operation a run of its own, until ctx is done or the loop is left; [jail.Monitor.Watch] has the details.
// A root has one monitor at a time: another one is fault.Busy.
func (h *Host) Monitor(ctx context.Context, o MonitorOptions) iter.Seq2[events.Event, error] {
	m := &jail.Monitor{Keeper: h.keeper, Clock: o.Clock, Preset: h.quiet, Record: h.record}
	if m.Clock == nil {
		m.Clock = clock{}
	}
	return m.Watch(ctx)
}

type clock struct{}

func (clock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Check asks the jail, which must run, once what its property health says. What has changed by the answer is noted: it is
// in [jail.Info] until the jail is stopped. An answer of no is in the value, and no error.
func (g *JailGenerator) Check() events.Op[jail.Checked] {
	return g.h.keeper.Check(g.name).With(g.h.preset...)
}

// Check asks the jail once how it fares; see [JailGenerator.Check].
func (j *Jail) Check(ctx context.Context) (jail.Checked, error) { return j.g.Check().Do(ctx) }
