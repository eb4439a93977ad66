package jail

import (
	"context"
	"errors"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// nurse attends one jail for a monitor.
type nurse struct {
	*watch
	name Name

	exit   sandbox.Exit // of the first process, if it was seen to end
	row    int          // restarts in a row
	failed bool         // the last one has stopped the jail and could not start it
	check  <-chan time.Time
	rest   <-chan time.Time // until what has ended beside the jail is started again once more

	of    string              // the start whose end is waited for
	died  <-chan sandbox.Exit // closed without one: nobody could tell
	leave func()              // waits for it no more
}

// attend returns when there is nothing more to do for the jail, or ctx is done.
func (n *nurse) attend(ctx context.Context) {
	n.leave = func() {}
	defer func() { n.leave() }()
	for ctx.Err() == nil {
		i, err := n.Keeper.Look(ctx, n.name)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, fault.NotFound) {
				n.tell(told{err: refused("monitor", n.name, err)})
			}
			return
		}
		if i.State == Dead && n.of == i.Sandbox.Run && n.died != nil { // seen before it was told how it ended
			n.ended(<-n.died)
		}
		why := i.wrong(n.exit)
		if n.failed && i.State == Stopped && i.value(restart) != "no" {
			why = "it could not be started"
		}
		switch {
		case why != "":
			if !n.revive(ctx, &i, why) {
				return
			}
		case i.alive && i.watched():
			n.failed = false
			n.look(ctx, &i)
		default:
			n.settle(&i)
			return
		}
	}
}

// look looks after a jail that runs until something happens.
func (n *nurse) look(ctx context.Context, i *Info) {
	n.wait(ctx, i)
	if n.Keeper.isShort(ctx, i) {
		_, _ = do(ctx, n.watch, n.Keeper.account(n.name), true) // its events tell what came of it
	}
	if n.rest == nil && i.lacks(ctx) {
		if _, err := do(ctx, n.watch, n.Keeper.attend(n.name), true); err != nil {
			n.rest = n.Clock.After(mostPause)
		}
	}
	again := n.Clock.After(lookEvery)
	if i.value("health") == "" {
		n.check = nil
	} else if n.check == nil {
		n.ask(ctx, i)
	}
	select {
	case <-ctx.Done():
	case <-again:
	case <-n.rest:
		n.rest = nil
	case exit, ok := <-n.died:
		if n.ended(exit); !ok { // nobody can wait for it
			n.of, n.died = i.Sandbox.Run, nil
		}
	case <-n.check:
		n.ask(ctx, i)
	}
}

// wait lets somebody wait for the end of the jail, from as early on as can be: who comes later cannot tell how it ended.
func (n *nurse) wait(ctx context.Context, i *Info) {
	if n.of == i.Sandbox.Run {
		return
	}
	n.leave()
	waiting, leave := context.WithCancel(ctx)
	died := make(chan sandbox.Exit, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer close(died)
		if exit, err := n.Keeper.Sandbox.Wait(waiting, i.Sandbox); err == nil {
			died <- exit
		}
	}()
	n.of, n.died, n.exit = i.Sandbox.Run, died, sandbox.Exit{}
	n.leave = func() {
		leave()
		<-over
	}
}

// ended notes how the jail ended that was waited for. Whoever is there next is another one.
func (n *nurse) ended(exit sandbox.Exit) { n.of, n.exit = "", exit }

// ask checks the jail's health, and plans the next check.
func (n *nurse) ask(ctx context.Context, i *Info) {
	_, _ = do(ctx, n.watch, n.Keeper.Check(n.name), false) // as above
	n.check = n.Clock.After(max(i.seconds("health_interval"), time.Second))
}

// revive restarts the jail after a pause; false: it is given up.
func (n *nurse) revive(ctx context.Context, i *Info, why string) bool {
	if i.started && n.Keeper.Now().Sub(i.Started) >= mostPause {
		n.row = 0
	}
	if limit := i.restartLimit(); limit > 0 && n.row >= limit {
		_, _ = do(ctx, n.watch, n.Keeper.abandon(n.name, n.row), true) // it is an error by its nature
		n.settle(i)
		return false
	}
	select {
	case <-n.Clock.After(pauseBefore(n.row)):
	case <-ctx.Done():
		return false
	}
	n.row++
	of := i.Sandbox.Run
	if !i.started {
		of = ""
	}
	// A restart that has begun is brought to its end: half of it is a jail that is stopped.
	_, err := do(context.WithoutCancel(ctx), n.watch, n.Keeper.revive(n.name, of, why, n.row), true)
	n.failed, n.exit, n.check = err != nil, sandbox.Exit{}, nil
	return true
}
