package events_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/libioc/ioc/events"
)

// jailGenerator is a jail whose methods are operations: to be watched while they run.
type jailGenerator struct{ name string }

// Start is the operation that starts the jail and gives its JID. Nothing happens before it is iterated.
func (j *jailGenerator) Start() events.Op[int] {
	return events.New(j.event("jail.start"), func(s events.Step) (int, error) {
		if err := s.Do(j.event("devfs.mount"), func(events.Step) error {
			return events.Skip("already mounted")
		}); err != nil {
			return 0, err
		}
		// The error of a hook is not returned, so the start goes on without it.
		_ = s.Do(j.event("hook.prestart"), func(events.Step) error {
			return errors.New("exit status 1")
		})
		jid := 0
		err := s.Do(j.event("jail.launch"), func(events.Step) error {
			jid = 42
			return nil
		})
		return jid, err
	})
}

func (j *jailGenerator) event(typ string) events.Payload {
	return &events.Named{Type: typ, Key: j.name}
}

// jail is the same jail for those who only want the outcome.
type jail struct{ jailGenerator }

// Start starts the jail.
func (j *jail) Start(ctx context.Context) (jid int, err error) {
	return j.jailGenerator.Start().Do(ctx)
}

// A jail is started and its events are consumed one by one; the synchronous form has the same effect.
func Example_jailStart() {
	ctx := context.Background()

	generator := &jailGenerator{"myjail"}
	for ev := range generator.Start().Events(ctx) {
		switch {
		case ev.Pending():
			fmt.Println(ev.Type(), "is pending")
		case ev.Skipped():
			fmt.Println(ev.Type(), "is skipped")
		case ev.Err != nil:
			fmt.Println(ev.Type(), "is failed")
		default:
			fmt.Println(ev.Type(), "is done")
		}
	}

	myjail := &jail{jailGenerator{"myjail"}}
	fmt.Println(myjail.Start(ctx))

	// Output:
	// jail.start is pending
	// devfs.mount is pending
	// devfs.mount is skipped
	// hook.prestart is pending
	// hook.prestart is failed
	// jail.launch is pending
	// jail.launch is done
	// jail.start is done
	// 42 <nil>
}
