package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/libioc/ioc/fault"
)

// stoppable is a run of any operation.
type stoppable interface {
	Cancel(cause error)
	Abort()
}

// interruptError is why an operation was cancelled.
type interruptError struct{ signal os.Signal }

func (e *interruptError) Error() string { return e.signal.String() }

// Unwrap makes it a cancellation, wherever it is found in a chain.
func (*interruptError) Unwrap() error { return context.Canceled }

// FaultKind is cancelled.
func (*interruptError) FaultKind() fault.Kind { return fault.Cancelled }

// interrupts lets the first signal cancel the run, so that it is rolled back, and the second one give
// up the rollback. After that signals do what they do to any program. While a session's program runs,
// the signals are its own. The returned function ends all that.
//
// A terminal that is closed sends SIGHUP twice, itself and by its shell: nobody has asked for the second, and it
// does not give up anything.
//
// A signal that was ignored when ioc was started (nohup, a job in the background) stays ignored.
func interrupts(c *call, run stoppable, sc screen, s *session) (stop func()) {
	fatal := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	if s != nil {
		fatal = append(fatal, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	}
	ch := make(chan os.Signal, 8)
	for _, sig := range fatal {
		if !signal.Ignored(sig) {
			signal.Notify(ch, sig)
		}
	}
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		count := 0
		for {
			select {
			case <-done:
				return
			case sig := <-ch:
				if s.pass(sig) {
					continue
				}
				if count++; count == 1 {
					c.note(sc, fmt.Sprintf("ioc: %v: taking back what was done; once more leaves it as it is", sig))
					run.Cancel(&interruptError{sig})
					if c.unblock != nil {
						c.unblock()
					}
					continue
				}
				if sig == syscall.SIGHUP {
					continue
				}
				signal.Stop(ch)
				run.Abort()
			}
		}
	})
	return func() {
		signal.Stop(ch)
		close(done)
		wait.Wait()
	}
}

// note says something that is neither a result nor an event, while sc is in use.
func (c *call) note(sc screen, text string) {
	switch sc := sc.(type) {
	case dark:
	case interface{ Note(text string) }:
		sc.Note(text)
	default:
		c.say(text + "\n")
	}
}
