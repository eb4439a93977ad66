package eventstest

import (
	"errors"
	"fmt"

	"github.com/libioc/ioc/events"
)

// judge holds what was left against what the stream says.
func (e *execution) judge() error {
	if err := errors.Join(e.x.faults...); err != nil {
		return err
	}
	checks := []func() error{e.bodiesAgree, e.outcomeAgrees, e.unwound, e.panicAgrees, e.worldAgrees, e.residueAgrees, e.ordered}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	root := e.checker.root
	if e.x.holds != 0 {
		return fmt.Errorf("%d holds were not released", e.x.holds)
	}
	if e.memory != nil {
		return e.memory.Check(root.status == events.Succeeded, len(e.run.Residue()) > 0)
	}
	return nil
}

// end is the End of event id.
func (e *execution) end(id events.ID) events.Event { return e.all[e.checker.nodes[id].endSeq-1] }

// bodiesAgree compares what bodies returned with how their steps ended.
func (e *execution) bodiesAgree() error {
	undisturbed := !e.fired && e.p.FailAt == 0
	for id, n := range e.checker.nodes {
		end := e.end(id)
		o, ran := e.x.bodies[id]
		if !ran {
			continue // it was refused at its Begin, or it is no body's
		}
		skip := isSkip(o.err)
		_, left := end.Err.(*events.RollbackError) //nolint:errorlint // the step's own
		var want string
		switch {
		case !o.returned:
			if end.Status != events.Failed {
				want = "failed, because its body panicked or exited"
			}
		case o.err == nil:
			if end.Status != events.Succeeded && (undisturbed || end.Reason == events.Errored && (e.p.FailAt == 0 || n.parent != nil)) {
				want = "succeeded, because its body returned nil"
			}
		case skip:
			if end.Status != events.Skipped && !left && end.Reason == events.Errored {
				want = "skipped, because its body returned a skip"
			}
		case end.Status != events.Failed || !errors.Is(end.Err, cause(o.err)):
			want = "failed with its body's error " + o.err.Error()
		}
		if want != "" {
			return fmt.Errorf("event %d should have %s; it is: %s", id, want, Line(end))
		}
	}
	return nil
}

// cause is err without what was left behind: a step that leaves more makes a new RollbackError.
func cause(err error) error {
	if rb, ok := err.(*events.RollbackError); ok { //nolint:errorlint // the outermost
		return rb.Cause
	}
	return err
}

// outcomeAgrees compares the run's outcome with the root's End.
func (e *execution) outcomeAgrees() error {
	end := e.all[len(e.all)-1]
	v, err := e.run.Wait()
	want := end.Err
	if end.Status == events.Skipped {
		want = nil
	}
	switch {
	case err != want: //nolint:errorlint // identity
		return fmt.Errorf("the run's Wait gives %v, the root ended %s", err, Line(end)) //nolint:errorlint // it may be nil
	case e.run.Err() != want: //nolint:errorlint // identity
		return fmt.Errorf("the run's Err gives %v, the root ended %s", e.run.Err(), Line(end)) //nolint:errorlint // it may be nil
	case v != 42 && end.Status == events.Succeeded:
		return fmt.Errorf("the run's Wait gives %d", v)
	}
	return nil
}

// panicAgrees checks how the consumer's goroutine came out of the run.
func (e *execution) panicAgrees() error {
	var exits, panics, fatal bool
	for _, ev := range e.all {
		exits = exits || ev.Reason == events.Exited
		panics = panics || ev.Reason == events.Panicked
		fatal = fatal || ev.Reason == events.Panicked && !e.checker.nodes[ev.ID].shielded
	}
	thrown, quit := e.value != nil, e.fired && e.p.Consumer.How == Quits
	pe, isPanic := e.recovered.(*events.PanicError)
	switch {
	case exits && !quit: // of a Goexit in one lane and a panic in another, the panic wins
		if !e.exited && e.recovered == nil && !panics {
			return errors.New("a body or a compensation called Goexit, and the run returned")
		}
	case quit:
		if !e.exited && !isPanic {
			return fmt.Errorf("the consumer called Goexit, and the run ended with %v", e.recovered)
		}
	case thrown:
		if e.recovered != any(e.value) {
			return fmt.Errorf("the consumer panicked with %p, and the run with %v", e.value, e.recovered)
		}
	case fatal && !e.p.Soft:
		if !isPanic || len(pe.Stack) == 0 {
			return fmt.Errorf("a body panicked, and the run ended with %v", e.recovered)
		}
		if text, ok := pe.Value.(string); !ok || text[:5] != "panic" {
			return fmt.Errorf("a body panicked, and the run with %v", pe.Value)
		}
	case e.recovered != nil || e.exited:
		return fmt.Errorf("nobody panicked, and the run ended with %v, exit %t", e.recovered, e.exited)
	}
	return nil
}
