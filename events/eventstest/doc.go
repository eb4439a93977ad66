// Package eventstest tests operations: their streams, their rollback and what is left of them after a
// crash.
//
//	eventstest.Verify(t, op)              // run it; every invariant of the stream holds
//	eventstest.Outline(evs)               // a stream as text, for golden tests
//	eventstest.Programs(cfg)              // random operations with a model of the world they leave
//	eventstest.Sweep(t, scenario)         // kill an operation at every event and inside every effect
//
// A Checker holds one stream against all invariants of the event core, as a sink or offline. A Program
// is a random operation as data together with what its consumer does; running it compares the world it
// left with the one that its events promise. A Scenario is an operation on a real world; Sweep runs it
// in child processes, kills them with SIGKILL, lets others recover, and compares worlds.
//
// The package owns these oracles. It refuses to know a journal, jails or an operating system's objects:
// a scenario brings its own operation, recovery and snapshot of the world.
package eventstest
