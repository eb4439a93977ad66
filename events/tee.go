package events

import "iter"

// Tee calls f for every event of seq before it passes it on: a sink for a sequence that somebody
// else started. Unlike a sink of the run it does not see what happens after the consumer has left.
func Tee(seq iter.Seq[Event], f Sink) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		var seen Event // one for all: f may take its address
		seq(func(ev Event) bool {
			seen = ev
			f(&seen)
			return yield(ev)
		})
	}
}
