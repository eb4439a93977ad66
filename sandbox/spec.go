package sandbox

// Spec describes a jail before it runs. Two specs are the same if their JSON is. Paths are absolute
// and of the host, but Mount.Target, MaskedPaths, ReadOnlyPaths and what is in Process, which are of the jail.
type Spec struct {
	// ID names the jail's objects in the kernel and the driver's files. It is unique on the machine: it
	// carries a short id of the root, so that two roots never disturb each other. Letters, digits,
	// '.', '_' and '-', not beginning with '.' or '-', at most 100 bytes.
	ID string

	Hostname string // empty: ID
	Root     Root
	Mounts   []Mount // after the driver's own, in this order

	// Process is the jail's first process: when it ends, the jail does. Nil: the jail is held by the
	// driver until it is ended, without a process of the jail's own.
	Process *Process `json:",omitempty"`

	Resources Resources
	Network   Network

	// UserNS asks for ids of the jail's own. Nil leaves it to the driver: none where it is privileged,
	// else one that makes the caller the jail's root.
	UserNS *UserNS `json:",omitempty"`

	// Capabilities is the upper bound for all processes of the jail, by the kernel's names without
	// "CAP_" ("NET_BIND_SERVICE"). Nil: the driver's default. Empty: none.
	Capabilities []string

	MaskedPaths   []string // seen empty; nil: the driver's default
	ReadOnlyPaths []string // not writable even for root; nil: the driver's default

	// Console is a file that gets what the first process writes; it is created if missing and appended
	// to. Empty: nothing is kept.
	Console string `json:",omitempty"`
}

// Root is the jail's root file system: a directory, or layers.
type Root struct {
	Dir      string   `json:",omitempty"`
	Overlay  *Overlay `json:",omitempty"`
	ReadOnly bool     `json:",omitempty"`
}

// Overlay is a root made of layers. It is mounted where only the jail sees it, and is gone with it.
type Overlay struct {
	Lowers []string // newest first; at least one
	Upper  string   // takes the changes; empty: the root is read-only
	Work   string   // empty, on the file system of Upper

	// UserXattr keeps the layers' marks in attributes that need no privilege. Layers are written and
	// read with the same setting for ever; unprivileged drivers need it set.
	UserXattr bool `json:",omitempty"`
}

// Mount is a mount of the jail's own.
type Mount struct {
	// Type is "bind" for a file or directory of the host, else a file system type of the kernel.
	Type string

	Source string // of a bind

	// Within is a directory that Source lies in, and in which others may put what they like: on the way from there to Source no
	// symbolic link is followed. Empty: all are.
	Within string `json:",omitempty"`

	Target string // resolved inside the jail without following a symbolic link; created if missing

	// Follow lets the last name of Target be a symbolic link. It must lead to a place on the root itself, on which nothing
	// else is mounted.
	Follow bool

	// Options are "ro", "nosuid", "noexec", "nodev" and their opposites, "rbind" (with the mounts below
	// Source), and what the file system itself takes ("size=64m"). nodev holds unless "dev" is given.
	Options []string
}

// Network says where the jail's sockets live.
type Network string

const (
	// NetworkNone is a network of the jail's own with nothing but a loopback interface that is up. A
	// network driver may add interfaces by State.PID once the jail is held.
	NetworkNone Network = ""

	// NetworkHost is the host's.
	NetworkHost Network = "host"
)

// UserNS maps the jail's ids to the host's. Both lists empty: the driver chooses.
type UserNS struct {
	UIDs []IDRange
	GIDs []IDRange
}

// IDRange is a run of ids.
type IDRange struct {
	Inside, Outside, Count uint32
}

// Resources are limits for the whole jail; zero is no limit. One that the host cannot keep is refused.
type Resources struct {
	Memory   int64 `json:",omitempty"` // bytes
	PIDs     int64 `json:",omitempty"` // processes and threads
	MilliCPU int64 `json:",omitempty"` // thousandths of one processor

	Swap int64  `json:",omitempty"` // bytes of swap space
	CPUs string `json:",omitempty"` // the processors that may be used, as cpuset(7) lists them: "0-2,5"

	// Bytes and operations in a second, for each disk of the host by itself.
	ReadBPS, WriteBPS, ReadIOPS, WriteIOPS int64 `json:",omitempty"`

	// System V IPC: message queues, the bytes of each, semaphores, those that one call may change, and shared memory's segments
	// and bytes.
	Queues, QueueBytes, Semaphores, SemaphoreOps, SharedSegments, SharedBytes int64 `json:",omitempty"`

	Terminals int64 `json:",omitempty"` // pseudo terminals
}
