package jail

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// ofAll are the limits of a jail as a whole that are numbers. Linux counts threads as it counts processes: of maxproc and
// nthr the lower one holds.
var ofAll = []struct {
	property string
	sized    bool
	unit     int64
	of       func(*sandbox.Resources) *int64
}{
	{"memoryuse", true, 1, func(r *sandbox.Resources) *int64 { return &r.Memory }},
	{"swapuse", true, 1, func(r *sandbox.Resources) *int64 { return &r.Swap }},
	{"maxproc", false, 1, func(r *sandbox.Resources) *int64 { return &r.PIDs }},
	{"nthr", false, 1, func(r *sandbox.Resources) *int64 { return &r.PIDs }},
	{"pcpu", false, 10, func(r *sandbox.Resources) *int64 { return &r.MilliCPU }}, // a percent is ten thousandths
	{"readbps", true, 1, func(r *sandbox.Resources) *int64 { return &r.ReadBPS }},
	{"readiops", false, 1, func(r *sandbox.Resources) *int64 { return &r.ReadIOPS }},
	{"writebps", true, 1, func(r *sandbox.Resources) *int64 { return &r.WriteBPS }},
	{"writeiops", false, 1, func(r *sandbox.Resources) *int64 { return &r.WriteIOPS }},
	{"nmsgq", false, 1, func(r *sandbox.Resources) *int64 { return &r.Queues }},
	{"msgqsize", true, 1, func(r *sandbox.Resources) *int64 { return &r.QueueBytes }},
	{"nsem", false, 1, func(r *sandbox.Resources) *int64 { return &r.Semaphores }},
	{"nsemop", false, 1, func(r *sandbox.Resources) *int64 { return &r.SemaphoreOps }},
	{"nshm", false, 1, func(r *sandbox.Resources) *int64 { return &r.SharedSegments }},
	{"shmsize", true, 1, func(r *sandbox.Resources) *int64 { return &r.SharedBytes }},
	{"pseudoterminals", false, 1, func(r *sandbox.Resources) *int64 { return &r.Terminals }},
}

// cpuset is the limit of a jail as a whole that is a list.
const cpuset = "cpuset"

// isOfAll tells whether a property limits a jail as a whole.
func isOfAll(property string) bool {
	if property == cpuset {
		return true
	}
	for _, limit := range ofAll {
		if limit.property == property {
			return true
		}
	}
	return false
}

// leastProcesses is the lowest limit of processes and threads. What ioc begins in a jail has a few threads until the program runs:
// with fewer nobody could enter the jail, nor start it.
const leastProcesses = 16

// enough refuses a limit of processes that is too low.
func enough(n int64) error {
	if n >= leastProcesses {
		return nil
	}
	return fault.New("", fault.Invalid, "", fmt.Errorf("%d is too low: nobody could enter the jail", n)).
		WithRemedy(fmt.Sprintf("allow at least %d", leastProcesses))
}

// resources are the limits of a jail as a whole.
func (k *Keeper) resources(i *Info) (r sandbox.Resources, err error) {
	for _, limit := range ofAll {
		text := i.value(limit.property)
		if text == "" {
			continue
		}
		n, err := config.Limit(text, limit.sized)
		if err != nil {
			return r, fault.New("property", fault.Invalid, limit.property, err)
		}
		if err := k.supported(limit.property); err != nil {
			return r, err
		}
		at := limit.of(&r)
		if n *= limit.unit; *at == 0 || n < *at {
			*at = n
		}
	}
	if r.CPUs = i.value(cpuset); r.CPUs != "" {
		if err := k.supported(cpuset); err != nil {
			return r, err
		}
	}
	if r.PIDs > 0 {
		if err := enough(r.PIDs); err != nil {
			return r, fault.New("property", fault.Invalid, "maxproc", err)
		}
	}
	return r, nil
}

// confine holds a process that is to begin in a jail to the limits of each process.
func (i *Info) confine(p *sandbox.Process) {
	for _, limit := range []struct{ property, name string }{
		{"coredumpsize", "CORE"},
		{"cputime", "CPU"},
		{"datasize", "DATA"},
		{"memorylocked", "MEMLOCK"},
		{"openfiles", "NOFILE"},
		{"stacksize", "STACK"},
		{"vmemoryuse", "AS"},
	} {
		text := i.value(limit.property)
		asked := func(r sandbox.Rlimit) bool { return r.Name == limit.name }
		if text == "" || slices.ContainsFunc(p.Rlimits, asked) {
			continue
		}
		n, err := config.Limit(text, true)
		if err != nil || n < 0 {
			continue // it is refused when the jail is started
		}
		p.Rlimits = append(p.Rlimits, sandbox.Rlimit{Name: limit.name, Soft: uint64(n), Hard: uint64(n)})
	}
}

// devices are the mounts of the host's devices that a jail is given. They are read-only, which hinders no writing to a device:
// the jail must not change the node's mode and owner, which are the host's, nor make nodes of its own in a directory of devices.
// Those are of use nowhere else: devices do not work in any other of a jail's mounts.
func (i *Info) devices() ([]sandbox.Mount, error) { return parseDevices(i.value("devices")) }

func parseDevices(value string) ([]sandbox.Mount, error) {
	var all []sandbox.Mount
	for _, device := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' }) {
		if !path.IsAbs(device) || path.Clean(device) != device || !strings.HasPrefix(device, "/dev/") {
			return nil, fault.New("property", fault.Invalid, "devices", fmt.Errorf("%q is not a path below /dev", device))
		}
		all = append(all, sandbox.Mount{Type: "bind", Source: device, Target: device, Options: []string{"ro", "dev", "nosuid", "noexec"}})
	}
	return all, nil
}

// relimit is the effect that gives a running jail the limits of another configuration; nil if they are the same. What was changed
// and is in force by it needs no restart. Where it cannot be done, it is left to the next start.
func (k *Keeper) relimit(i *Info, file []byte, changed []Changed) (events.Effect, error) {
	if !i.alive || !slices.ContainsFunc(changed, func(c Changed) bool { return isOfAll(c.Property) }) {
		return nil, nil //nolint:nilnil // nothing to do is an answer
	}
	data, err := config.Parse(file)
	if err != nil {
		return nil, err
	}
	next := *i
	next.Config = data
	want, err := k.resources(&next)
	if err != nil {
		return nil, err
	}
	limiter, ok := k.Sandbox.(sandbox.Limiter)
	if !ok {
		return nil, nil //nolint:nilnil // as above
	}
	effect, err := limiter.Limit(i.Sandbox, want)
	if errors.Is(err, fault.NotSupported) {
		return nil, nil //nolint:nilnil,nilerr // the next start
	}
	if err != nil {
		return nil, err
	}
	for n := range changed {
		if isOfAll(changed[n].Property) {
			changed[n].Restart = false
		}
	}
	return effect, nil
}

// parseProcessors reads a list like 0-2,5.
func parseProcessors(value string) error {
	for part := range strings.SplitSeq(value, ",") {
		first, last, ranged := strings.Cut(part, "-")
		from, err := strconv.ParseUint(first, 10, 16)
		to := from
		if ranged && err == nil {
			to, err = strconv.ParseUint(last, 10, 16)
		}
		if err != nil || to < from {
			return fault.New("", fault.Invalid, "", fmt.Errorf("%q: it is no processor, and no range of them", part)).
				WithRemedy("write numbers and ranges: 0-2,5")
		}
	}
	return nil
}
