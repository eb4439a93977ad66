package linuxns

import (
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/linuxns/seccomp"
	"github.com/libioc/ioc/sandbox"
)

// Options are what a driver is told once.
type Options struct {
	// Run is a directory for the driver's files, one of a few bytes for each running process. It must be
	// on a file system that a reboot empties, or be emptied by the caller; it is made if missing.
	Run string

	// Group is the name of the cgroup directory that holds the jails' own ("ioc-1f3a"). It carries a short
	// id of the root; the driver makes it when it is needed and removes it when it is empty.
	Group string
}

// Driver is a sandbox.Driver. What it caches of the host does not change while the process lives.
type Driver struct {
	options Options
	host    func() *host
	copied  func() (*executable, error)
	still   sync.RWMutex // held to hold a jail still; shared by those who make processes in one
}

var (
	_ sandbox.Driver  = (*Driver)(nil)
	_ sandbox.Freezer = (*Driver)(nil)
	_ sandbox.Mounter = (*Driver)(nil)
)

// New makes a driver; nothing is looked at before it is needed.
func New(options Options) *Driver {
	return &Driver{
		options: options,
		host:    sync.OnceValue(lookAtHost),
		copied:  sync.OnceValues(copiedSelf),
	}
}

// Register makes the driver's effects known to a journal.
func Register(r *events.Registry) {
	events.Register[Mount](r, "linuxns.mount.v1", events.Bind(func(m *Mount) { m.driver = New(Options{Run: filepath.Dir(m.Run)}) }))
	events.Register[Cgroup](r, "linuxns.cgroup.v1")
	events.Register[Relimit](r, "linuxns.limit.v1")
	events.Register[Spawn](r, "linuxns.spawn.v1")
	events.Register[Exec](r, "linuxns.exec.v1")
	events.Register[Freeze](r, "linuxns.freeze.v1")
	events.Register[Reap](r, "linuxns.reap.v1")
}

// Start plans the effects that start a jail.
func (d *Driver) Start(spec sandbox.Spec) ([]events.Effect, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	h := d.host()
	if !h.modern {
		return nil, fault.Unsupported("jails", "Linux 5.12")
	}
	token, err := newToken()
	if err != nil {
		return nil, err
	}
	bound := spec.Capabilities
	if bound == nil {
		bound = DefaultCapabilities()
	}
	if _, err := capabilityMask(bound); err != nil {
		return nil, err
	}
	users, err := h.mapping(&spec)
	if err != nil {
		return nil, err
	}
	s := &Spawn{
		Jail: sandbox.State{
			ID:           spec.ID,
			Boot:         h.boot,
			Run:          filepath.Join(d.options.Run, spec.ID+"."+token),
			Console:      spec.Console,
			OwnUsers:     users != nil,
			HostNetwork:  spec.Network == sandbox.NetworkHost,
			Capabilities: bound,
		},
		driver: d,
		spec:   spec,
		users:  users,
	}
	var effects []events.Effect
	group, err := h.groups().plan(d.options.Group, spec.ID+"."+token, spec.Resources)
	if err != nil {
		return nil, err
	}
	if group != nil {
		s.Jail.Groups = group.dirs()
		s.unified = group.Unified
		effects = append(effects, group)
	}
	if s.program, err = compileStart(&spec, h, users, s.unified != ""); err != nil {
		return nil, err
	}
	return append(effects, s), nil
}

// newToken makes names of one start differ from those of every other: what is found under such a name
// was made by this start, and can be removed without asking.
func newToken() (string, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}

// filterFor is the seccomp filter of processes with these capabilities.
func filterFor(capabilities []string) string { return string(seccomp.Compile(capabilities)) }

// invalid is an error about what was asked for.
func invalid(subject string, err error) error { return fault.New("", fault.Invalid, subject, err) }
