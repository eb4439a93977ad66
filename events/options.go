package events

import "time"

// Option configures a run.
type Option func(*config)

type config struct {
	sinks           []Sink
	journal         Journal
	registry        *Registry
	rollbackTimeout time.Duration
	clock           func() time.Duration
	hasClock        bool
	panicsAsErrors  bool
	host            string
	pid             int
	probe           func(Probe)
}

// Sink is called with every event, in Seq order, before it is yielded, also after the consumer has
// left. It must not keep ev, must not block for long, must not panic and must not run the
// operation's steps.
type Sink func(ev *Event)

// WithSink adds a sink. Sinks are called in the order added.
func WithSink(s Sink) Option { return func(c *config) { c.sinks = append(c.sinks, s) } }

// WithSinks adds a sink of its own to every run: f is called when a run is prepared and must do nothing
// else than make it. It is for a preset of operations whose sinks keep something of their run.
func WithSinks(f func() Sink) Option { return func(c *config) { c.sinks = append(c.sinks, f()) } }

// WithJournal makes what the run registers survive the process.
func WithJournal(j Journal) Option { return func(c *config) { c.journal = j } }

// WithRegistry gives the names of effects; a run with a journal needs it to apply effects.
func WithRegistry(r *Registry) Option { return func(c *config) { c.registry = r } }

// WithRollbackTimeout bounds the rollback of one step; what is not undone by then is left as by
// Run.Abort. 0, the default, is no bound.
func WithRollbackTimeout(d time.Duration) Option { return func(c *config) { c.rollbackTimeout = d } }

// WithClock replaces the monotonic clock, which counts from the run's start. A nil clock gives no
// times. The clock must not panic.
func WithClock(now func() time.Duration) Option {
	return func(c *config) { c.clock, c.hasClock = now, true }
}

// WithOrigin sets RunInfo.Host and RunInfo.PID.
func WithOrigin(host string, pid int) Option { return func(c *config) { c.host, c.pid = host, pid } }

// PanicsAsErrors makes a panic in a body the run's error. By default the panic goes on after the root's End.
func PanicsAsErrors() Option { return func(c *config) { c.panicsAsErrors = true } }

// Probe is a point inside the engine's handling of an effect, between two events.
type Probe struct {
	Point string // journaled, done, amended, ran, undone, committing, committed, deferred, ended
	ID    ID     // of the event; 0 for the run's own points
	Type  string // EventType of the payload
}

// WithProbe calls f at every Probe, on the goroutine of the step. It is for crash tests, which kill
// the process there.
func WithProbe(f func(Probe)) Option { return func(c *config) { c.probe = f } }
