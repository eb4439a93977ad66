package download

import "time"

// watch gives up when less than pace bytes come within patience. What is done between two readings
// does not count: a screen may hold up its program, and a disk may be slow.
type watch struct {
	timer    *time.Timer
	patience time.Duration
	left     time.Duration // of the patience with the bytes that are waited for
	since    time.Time     // when the timer was started
	pace     int64
	got      int64
}

func newWatch(patience time.Duration, pace int64, giveUp func()) *watch {
	return &watch{
		timer: time.AfterFunc(patience, giveUp), patience: patience, left: patience, pace: pace,
		since: time.Now(), //nolint:forbidigo // its monotonic part is a measure
	}
}

// pause stops the watch while nothing is read.
func (w *watch) pause() {
	if w.timer.Stop() {
		w.left -= time.Since(w.since)
	}
}

// resume goes on when n bytes have come.
func (w *watch) resume(n int) {
	if w.got += int64(n); w.got >= w.pace {
		w.got, w.left = 0, w.patience
	}
	w.since = time.Now() //nolint:forbidigo // as above
	w.timer.Reset(max(w.left, 0))
}
