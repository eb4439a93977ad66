package mem

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"syscall"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Kernel is a sandbox.Driver that holds jails in memory. It may be used from several goroutines.
type Kernel struct {
	// Program is what a process that joins a jail does; nil: it ends at once with code 0. Its context is
	// done when the process is killed.
	Program func(ctx context.Context, p sandbox.Process, s sandbox.Stdio) (sandbox.Exit, error)

	// Missing is the name of a program that no jail has.
	Missing string

	// Listens tells whether a jail listens on a TCP port; nil: it does.
	Listens func(id string, port uint16) bool

	// OutOfMemory tells how many processes of a jail were killed for want of memory; nil: nobody counts.
	OutOfMemory func(id string) int64

	// Deaf jails do not end when they are sent SIGTERM.
	Deaf bool

	mu       sync.Mutex
	pid      int
	groups   map[string]sandbox.Resources // limits, by token
	inits    map[string]*process          // first processes, by token
	sessions map[string]*process          // others, by token
}

// process is something that ends once.
type process struct {
	pid  int
	id   string
	gone chan struct{} // closed when it has ended
	exit sandbox.Exit
	stop context.CancelFunc // of a program
}

var _ sandbox.Driver = (*Kernel)(nil)

// NewKernel returns a kernel without jails.
func NewKernel() *Kernel {
	return &Kernel{groups: map[string]sandbox.Resources{}, inits: map[string]*process{}, sessions: map[string]*process{}}
}

// Register makes the effects on k known, and gives k to those that are decoded.
func (k *Kernel) Register(r *events.Registry) {
	events.Register[Group](r, "mem.group.v1", events.Bind(func(e *Group) { e.k = k }))
	events.Register[Spawn](r, "mem.spawn.v1", events.Bind(func(e *Spawn) { e.k = k }))
	events.Register[Join](r, "mem.join.v1", events.Bind(func(e *Join) { e.k = k }))
	events.Register[Reap](r, "mem.reap.v1", events.Bind(func(e *Reap) { e.k = k }))
}

// Features are all there are.
func (k *Kernel) Features() sandbox.Features {
	return sandbox.Features{
		Privileged: true, UserNamespaces: true, IDRanges: true, Overlay: true, Memory: true, PIDs: true, CPU: true, CPUSet: true, IO: true, Swap: true, IPC: true, Freeze: true,
	}
}

// Objects lists everything there is, for comparing.
func (k *Kernel) Objects() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []string
	for token, r := range k.groups {
		all = append(all, fmt.Sprintf("group %s %+v", token, r))
	}
	for token, p := range k.inits {
		all = append(all, fmt.Sprintf("jail %s %s pid %d", p.id, token, p.pid))
	}
	for token, p := range k.sessions {
		all = append(all, fmt.Sprintf("process %s pid %d in %s", token, p.pid, p.id))
	}
	slices.Sort(all)
	return all
}

// Kill ends the first process of the jails with this id, as if somebody had killed it from outside.
func (k *Kernel) Kill(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for token, p := range k.inits {
		if p.id == id {
			k.end(token, sandbox.Exit{Signal: syscall.SIGKILL, Known: true})
		}
	}
}

// end ends a jail's first process, and with it all others. The caller holds k.mu.
func (k *Kernel) end(token string, exit sandbox.Exit) {
	p := k.inits[token]
	if p == nil {
		return
	}
	delete(k.inits, token)
	for t, s := range maps.Clone(k.sessions) {
		if s.id == p.id {
			k.endSession(t, sandbox.Exit{Signal: syscall.SIGKILL, Known: true})
		}
	}
	p.exit = exit
	close(p.gone)
}

func (k *Kernel) endSession(token string, exit sandbox.Exit) {
	if s := k.sessions[token]; s != nil {
		delete(k.sessions, token)
		s.exit = exit
		s.stop()
		close(s.gone)
	}
}

func (k *Kernel) next(id string) *process {
	k.pid++
	return &process{pid: k.pid, id: id, gone: make(chan struct{}), stop: func() {}}
}

// Start plans the effects that start a jail.
func (k *Kernel) Start(spec sandbox.Spec) ([]events.Effect, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	token := newID()
	return []events.Effect{
		&Group{k: k, Token: token, Limits: spec.Resources},
		&Spawn{k: k, Jail: sandbox.State{ID: spec.ID, Run: token, Console: spec.Console, Capabilities: spec.Capabilities}},
	}, nil
}

// find gives the jail's first process if it lives. The caller holds k.mu.
func (k *Kernel) find(s sandbox.State) *process {
	if p := k.inits[s.Run]; p != nil && p.pid == s.PID {
		return p
	}
	return nil
}

// Status tells whether the jail's first process lives.
func (k *Kernel) Status(_ context.Context, s sandbox.State) (sandbox.Status, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.find(s) == nil {
		return sandbox.Gone, nil
	}
	return sandbox.Running, nil
}

// Signal sends a signal to the first process. SIGTERM and SIGKILL end it.
func (k *Kernel) Signal(_ context.Context, s sandbox.State, signal syscall.Signal) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.find(s) == nil {
		return fault.New("signal", fault.NotFound, "jail "+s.ID, nil)
	}
	if signal == syscall.SIGTERM && !k.Deaf {
		k.end(s.Run, sandbox.Exit{Known: true})
	}
	if signal == syscall.SIGKILL {
		k.end(s.Run, sandbox.Exit{Signal: signal, Known: true})
	}
	return nil
}

// Wait returns when the jail is gone.
func (k *Kernel) Wait(ctx context.Context, s sandbox.State) (sandbox.Exit, error) {
	k.mu.Lock()
	p := k.find(s)
	k.mu.Unlock()
	if p == nil {
		return sandbox.Exit{}, nil
	}
	return p.wait(ctx)
}

func (p *process) wait(ctx context.Context) (sandbox.Exit, error) {
	select {
	case <-p.gone:
		return p.exit, nil
	case <-ctx.Done():
		return sandbox.Exit{}, ctx.Err()
	}
}

// Group is the effect that limits a jail.
type Group struct {
	k      *Kernel
	Token  string
	Limits sandbox.Resources
}

// EventType is the effect's name in events.
func (*Group) EventType() string { return "sandbox.group" }

// EventTitle is for people.
func (e *Group) EventTitle() string { return "make a group of processes" }

// Volatile tells that a reboot takes it away.
func (*Group) Volatile() bool { return true }

// Do makes the group.
func (e *Group) Do(context.Context) error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	e.k.groups[e.Token] = e.Limits
	return nil
}

// Undo removes it. One that holds a jail is left, as a kernel would.
func (e *Group) Undo(context.Context) error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	if p := e.k.inits[e.Token]; p != nil {
		return fault.New("remove", fault.Busy, "group of "+p.id, nil)
	}
	delete(e.k.groups, e.Token)
	return nil
}

// Spawn is the effect that starts a jail's first process.
type Spawn struct {
	k    *Kernel
	Jail sandbox.State
}

var _ sandbox.Held = (*Spawn)(nil)

// EventType is the effect's name in events.
func (*Spawn) EventType() string { return "sandbox.spawn" }

// EventTitle is for people.
func (e *Spawn) EventTitle() string { return "start init" }

// EventKey is the jail's id.
func (e *Spawn) EventKey() string { return e.Jail.ID }

// Volatile tells that a reboot takes it away.
func (*Spawn) Volatile() bool { return true }

// State is how the jail is found again.
func (e *Spawn) State() sandbox.State { return e.Jail }

// Do starts it.
func (e *Spawn) Do(context.Context) error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	p := e.k.next(e.Jail.ID)
	e.k.inits[e.Jail.Run] = p
	e.Jail.PID = p.pid
	return nil
}

// Undo ends it.
func (e *Spawn) Undo(context.Context) error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	e.k.end(e.Jail.Run, sandbox.Exit{Signal: syscall.SIGKILL, Known: true})
	return nil
}
