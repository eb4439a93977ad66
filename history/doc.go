// Package history keeps the streams of operations, so that one can be looked at when it is over, or from
// another process while it runs.
//
// It owns a directory with one file per run, called by the run's ID, which sorts by time: the stream as
// [events.NDJSON] writes it, with one line more after the first that says who ran it (see origin). A file is
// written while the operation runs and locked as long, so that the stream of a killed process is there up to
// the kill, and is known for what it is. A Begin is written at once, and an End with what comes after it.
//
// A history is a consumer of the stream, a sink, as the journal is: it is not a change to the system that an
// operation makes, so it is no effect and nothing undoes it. Unlike the journal nothing depends on it. It is
// not synced to the disk, and it never makes an operation fail: when it cannot be written the stream of that run is
// given up and removed, and [Dir.Err] says why.
//
// What is kept:
//   - every operation that did something or failed, from its first step on; one that failed before its first step
//     is kept with its end. One that was skipped, and in which nothing but skips happened, is not: it
//     would be a list of things that were so already.
//   - every Begin and End and what commands said; of other Progress at most one in a tenth of a second of each
//     step, so that Seq has gaps;
//   - as many streams as [Limits] allow. The oldest go first, a running one never.
//
// Streams are not compressed: an ordinary one is a few kilobytes, and any tool can read it.
//
// What events say is kept, so what must not be read by others does not belong into them (see
// [events.Attrs]). Arguments of commands in jails and values of properties are not in the events of ioc,
// nor is the environment. But the commands that exec_start and its like hold are, and what they, and host
// commands, print may be. Files are for their owner only, 0600.
//
// The package refuses to know what operations do, and how a stream is shown.
package history
