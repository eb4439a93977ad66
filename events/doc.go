// Package events runs operations as generators of events.
//
// An operation is a tree of steps. Every step yields exactly two boundary events, Begin and End;
// what begins while a step is pending is its child. A step that fails first undoes, newest first,
// everything it and its finished children registered, and only then ends. So:
//
//	End(Succeeded)  the effects stand (until an ancestor fails)
//	End(Failed)     the effects are gone, or Err is a *RollbackError that lists what is left
//	End(Skipped)    there never was an effect
//
// Breaking out of the loop, cancelling the context, a panic in the operation or in the loop body,
// and runtime.Goexit (t.FailNow) in either of them all fail the operation; the loop ends after the
// rollback.
//
//	op := events.New(&Start{Jail: "web"}, func(s events.Step) (int, error) {
//		if err := s.Apply(&mount.Bind{Source: src, Target: dst}); err != nil {
//			return 0, err // what was done before is undone, and the loop sees it
//		}
//		...
//	})
//	for ev := range op.Events(ctx) { // the generator
//		fmt.Println(ev)
//	}
//	pid, err := op.Do(ctx) // the same, synchronous
//
// # Back-pressure
//
// The operation blocks at every event until the consumer took it. A Sink sees every event in Seq
// order before the consumer does and blocks the operation too: what must be complete (a journal, a
// file) is a sink. A subscriber of a Hub never blocks it: a slow one is told how many events it
// missed and gets a snapshot. There is no third mode.
//
// # Concurrency
//
// All events of a run are delivered on the goroutine that ranges over it. The lanes of a Group are
// goroutines of their own and hand each event over and wait. A Step belongs to the goroutine of its
// body. Run.Cancel, Run.Abort, Run.Residue and Run.Err may be called from anywhere.
//
// The package owns the event, the stack of steps, rollback and what consumers need of a stream. It
// refuses to know files, processes, jails or an operating system: what survives a crash is kept by
// a Journal, an interface that package journal implements.
package events
