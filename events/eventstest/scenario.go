package eventstest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
)

// Scenario is an operation on a real world, to be killed. Wherever that happens, what recovers must
// leave the world exactly as it was before the operation or as it is after a complete one: before, if
// the run was killed before its commit point, after if behind it.
//
// Its functions get the cell's own directory, which the harness makes and removes. Operation and
// Recover are called in processes of their own, so they open what they need themselves; what Setup
// wants to tell them it writes into the directory.
type Scenario struct {
	// Name is the scenario's, unique in the test binary, fit for -run.
	Name string

	// Setup makes the world before, in the test's process. Optional.
	Setup func(dir string) error

	// Before is run to its end, in a process of its own, before the world before is looked at: a start, if
	// it is a stop that is killed. Optional.
	Before func(dir string) (Operation, error)

	// Operation is what is killed.
	Operation func(dir string) (Operation, error)

	// Recover undoes, or carries forward, what a killed process left. It is killed, too.
	Recover func(dir string) (Operation, error)

	// Clean tells, as an error, what recovery has left undone, if anything. Optional: by default a further
	// run of Recover must have nothing to do.
	Clean func(dir string) error

	// Snapshot is the world as text, one line per thing: all that matters, nothing that differs between
	// two equal worlds (times, PIDs, the directory's name). Tree helps with files.
	Snapshot func(dir string) (string, error)

	// Allowed tells whether world is right, where before or after is not all there is: an operation that
	// seals parts of its work. Optional.
	Allowed func(world, before, after string) bool

	// Cleanup removes what is not in the directory (mounts, cgroups, processes). It is called for every
	// cell, also after a failure, and must cope with any state. Optional.
	Cleanup func(dir string) error

	// Cut takes away what a power cut takes: all that was written and not synced. It is called when the operation
	// was killed or has ended, and when a recovery was or has, before anything else is done or looked at; never in a
	// dry run. Optional.
	Cut func(dir string) error

	// Within gives the operation, and Recover, a context by which effects mark moments in their middle; each
	// mark is a point like any other. Optional.
	Within func(ctx context.Context, mark func(name string)) context.Context

	// Forward says that recovery carries the operation forward once it has begun, as it does a release of
	// retained effects: the world after is right wherever it was killed.
	Forward bool

	// Exclusive scenarios have no two cells at once.
	Exclusive bool

	// Once says that the operation cannot be repeated. By default it is, after a recovery that went back:
	// nothing that a crash left may be in its way.
	Once bool
}

// Operation is an Op whose result does not matter, with its options.
type Operation struct {
	start func(ctx context.Context, opts ...events.Option) (residue []events.Residue, err error)
}

// Run makes an Operation of op.
func Run[T any](op events.Op[T], opts ...events.Option) Operation {
	return Operation{func(ctx context.Context, more ...events.Option) ([]events.Residue, error) {
		run := op.Start(ctx, append(opts[:len(opts):len(opts)], more...)...)
		_, err := run.Wait()
		return run.Residue(), err
	}}
}

// Main is a TestMain for a package with scenarios: a test binary that was started as a child of Crash
// or Sweep runs what it is told to and exits.
func Main(m *testing.M, scenarios ...Scenario) {
	Child(scenarios...)
	os.Exit(m.Run())
}

// Kill says when to kill a run. The zero Kill does not.
type Kill struct {
	Point int           // SIGKILL at the point with this number, from 1; see Crash
	Late  time.Duration // so long after that point, which is in the middle of anything
	After time.Duration // SIGKILL at that time after the start of the operation
}

// World is what Crash compares with.
type World struct {
	Before, After string
	Points        []string // that a complete run passes, in order
	At            []time.Duration
	Took          time.Duration
}

// Rehearse runs o in this process, not killed, and gives the points that it passed and how long it
// took. It is a dry run for operations that cannot hurt the test.
func (o Operation) Rehearse(t testing.TB) (points []string, took time.Duration) {
	t.Helper()
	c := child{start: time.Now()}
	_, _ = o.start(t.Context(), events.WithSink(c.sink), events.WithProbe(c.probe)) // how it ends does not matter
	took = time.Since(c.start)
	if err := c.checker.Close(); err != nil {
		t.Error(err)
	}
	return c.report.Points, took
}
