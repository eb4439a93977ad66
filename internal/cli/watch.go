package cli

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// frame is the time between two pictures of a terminal.
const frame = 100 * time.Millisecond

// watch runs an operation, shows its stream and gives its outcome. A committed operation that left
// something behind is an error, too.
func watch[T any](c *call, op events.Op[T]) (T, error) {
	return follow(c, op, c.screen(false), nil)
}

// follow is watch on a screen of the caller's, with a session whose program gets the signals while it runs.
func follow[T any](c *call, op events.Op[T], sc screen, s *session) (T, error) {
	run := op.Start(c.ctx)
	defer interrupts(c, run, sc, s)()
	defer sc.Close() // a panic goes on below what is shown
	defer animate(sc)()
	for ev := range run.Events() {
		s.saw(ev)
		sc.Add(ev)
	}
	v, err := run.Wait()
	if left := run.Residue(); len(left) > 0 {
		err = &residueError{cause: err, left: left}
	}
	return v, err
}

// residueError is an operation that left something behind, whether or not it failed.
type residueError struct {
	cause error // nil: it was done
	left  []events.Residue
}

func (e *residueError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return fmt.Sprintf("done, but something is left behind (%d)", len(e.left))
}

// Unwrap returns the cause.
func (e *residueError) Unwrap() error { return e.cause }

// FaultKind is residue.
func (*residueError) FaultKind() fault.Kind { return fault.Residue }

// animate lets sc repaint what it shows of pending steps until the returned function is called.
func animate(sc screen) (stop func()) {
	live, ok := sc.(animated)
	if !ok {
		return func() {}
	}
	began := time.Now()
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		t := time.NewTicker(frame)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				live.Tick(time.Since(began))
			case <-continued:
				live.Forget()
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(continued)
		close(done)
		wait.Wait()
	}
}
