package sandbox

import (
	"context"
	"os"
	"syscall"

	"github.com/libioc/ioc/events"
)

// Driver runs jails by one mechanism of one kernel. It has no state of its own that another process
// would miss: whatever it must know of a jail is in the jail's effects and in its State.
// All methods may be called from any goroutine.
type Driver interface {
	// Features says what this host can do; it does not change while the process lives.
	Features() Features

	// Start plans the start of a jail and changes nothing. The effects are to be applied in their
	// order. All of them are volatile; undoing them newest first, in any process, ends the jail and
	// leaves nothing of it. The last one is a Held. An error is about the spec, or about what the host
	// cannot do (fault.Invalid, fault.Unsupported).
	Start(spec Spec) ([]events.Effect, error)

	// Exec plans another process in a running jail and changes nothing. Files of stdio must stay open
	// until the session's Do has returned.
	Exec(state State, process Process, stdio Stdio) (Session, error)

	// Status looks at what became of a jail. It does not wait.
	Status(ctx context.Context, state State) (Status, error)

	// Signal sends a signal to the jail's first process. A jail that is not there is fault.NotFound.
	Signal(ctx context.Context, state State, signal syscall.Signal) error

	// Wait returns when the jail is gone or ctx is done. A jail that is already gone is not an error. How it
	// ended is known to who waits while it lives; later it may be known once, or not at all.
	Wait(ctx context.Context, state State) (Exit, error)
}

// Held is implemented by the effect whose undo ends the jail.
type Held interface {
	events.Effect

	// State is complete when Do has returned, and in an effect that was read back from its JSON.
	State() State
}

// Session is a process that joined a jail. As an effect its Do starts the process ("started" means
// the program runs; a program that cannot be executed is an *ExecError) and its Undo kills it, also
// from another process. A session that ended is undone already.
type Session interface {
	events.Effect

	// Wait returns how the process ended. It may be called again, and after ctx was done.
	Wait(ctx context.Context) (Exit, error)

	// Signal sends a signal to the process; one that is gone already is not an error.
	Signal(signal syscall.Signal) error

	// Terminal is the controlling side of the process's terminal if it was asked for, else nil. It is
	// valid between Do and Close; the caller copies, and reads EOF or EIO when the jail's side is closed.
	Terminal() *os.File

	// Resize tells the terminal its size; without a terminal it does nothing.
	Resize(size Size) error

	// Close gives back what Do opened in this process. It neither ends nor waits for the process.
	Close() error
}

// Freezer is implemented by drivers that can hold a jail still.
type Freezer interface {
	// Freeze plans to hold all processes of a running jail still, and changes nothing. The effect's Do
	// returns when none of them runs any more; its undo lets them go on. A frozen jail can be ended.
	Freeze(state State) (events.Effect, error)
}

// Mounter is implemented by drivers that can change the mounts of a running jail. What a jail's own ids hinder is
// fault.NotSupported.
type Mounter interface {
	// Mount plans a mount in a running jail, above what is at its target, and changes nothing. The effect's undo takes away
	// this mount and no other; so does the end of the jail.
	Mount(state State, m Mount) (events.Effect, error)

	// Unmount plans to take away the topmost mount at a target, and changes nothing. One that is in use is fault.Busy. m is what
	// it was mounted by, for the effect's undo.
	Unmount(state State, m Mount) (events.Effect, error)
}

// Limiter is implemented by drivers that can change the limits of a running jail.
type Limiter interface {
	// Limit plans to hold a running jail to these limits instead of those that it has, and changes nothing. What would need
	// another start is fault.NotSupported.
	Limit(state State, r Resources) (events.Effect, error)
}

// Features is what a host can do. A false one has its reason in Why, under the field's name.
type Features struct {
	Privileged     bool // jails need no user namespace of their own
	UserNamespaces bool // Spec.UserNS is honoured
	IDRanges       bool // Spec.UserNS may have more than one id
	Overlay        bool // Root.Overlay is honoured
	Memory         bool // Resources.Memory is honoured
	PIDs           bool // Resources.PIDs is honoured
	CPU            bool // Resources.MilliCPU is honoured
	CPUSet         bool // Resources.CPUs is honoured
	IO             bool // Resources.ReadBPS and its like are honoured
	Swap           bool // Resources.Swap is honoured
	IPC            bool // Resources.Queues and its like are honoured
	Freeze         bool // the driver is a Freezer
	Why            map[string]string
}
