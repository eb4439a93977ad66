package sandbox

// State is what finds a jail again and never takes another one for it: plain values, kept in a
// journal. The zero State is of no jail.
type State struct {
	ID string // Spec.ID

	// PID is the first process as the process that started the jail saw it. Alone it means nothing:
	// together with Started and Boot it does. Zero: Do has not got that far, or the mechanism has none.
	PID     int    `json:",omitempty"`
	Started uint64 `json:",omitempty"` // the kernel's start time of PID, in its own unit
	Boot    string `json:",omitempty"` // which boot of the machine

	// Mark is a further number of the kernel for this very jail: a namespace's inode, a jail's number.
	Mark uint64 `json:",omitempty"`

	Groups  []string `json:",omitempty"` // resource groups: cgroup directories
	Run     string   `json:",omitempty"` // prefix of the driver's own files for this start
	Console string   `json:",omitempty"`

	// What processes that join are held to.
	OwnUsers     bool     `json:",omitempty"` // the jail has ids of its own
	HostNetwork  bool     `json:",omitempty"` // the jail has no network of its own
	Capabilities []string `json:",omitempty"`
}

// Status is what became of a jail.
type Status string

const (
	Running  Status = "running"  // its first process lives
	Gone     Status = "gone"     // it ended
	Rebooted Status = "rebooted" // the machine was booted since: nothing of it can be there
	Foreign  Status = "foreign"  // its process id is another process's now; that is none of ours
)
