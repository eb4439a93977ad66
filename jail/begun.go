package jail

import (
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
)

// begun remembers what runs of this process have started until they are over: a start is on record when its run is
// committed, and what the run does before that, too, is to find the jail running.
type begun struct {
	mu sync.Mutex
	of map[started]sandbox.State
}

type started struct {
	run  events.RunID
	name Name
}

// note remembers that the run of s has started a jail.
func (b *begun) note(s events.Step, name Name, state sandbox.State) {
	key := started{s.Run().ID, name}
	b.mu.Lock()
	if b.of == nil {
		b.of = map[started]sandbox.State{}
	}
	b.of[key] = state
	b.mu.Unlock()
	s.Hold(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.of, key)
	})
}

// find gives the jail that the run of s has started last under that name.
func (b *begun) find(s events.Step, name Name) (state sandbox.State, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state, ok = b.of[started{s.Run().ID, name}]
	return state, ok
}

// hasBegun tells whether the run of s has started a jail that it has not taken back since.
func (k *Keeper) hasBegun(s events.Step, name Name) (sandbox.State, bool) {
	state, ok := k.begun.find(s, name)
	if !ok {
		return state, false
	}
	status, err := k.Sandbox.Status(s.Context(), state)
	return state, err == nil && status == sandbox.Running
}
