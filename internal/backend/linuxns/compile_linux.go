package linuxns

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/internal/backend/linuxns/tinyinit"
	"github.com/libioc/ioc/sandbox"
)

// Attributes of mounts.
const (
	readOnly = unix.MOUNT_ATTR_RDONLY
	noSuid   = unix.MOUNT_ATTR_NOSUID
	noDev    = unix.MOUNT_ATTR_NODEV
	noExec   = unix.MOUNT_ATTR_NOEXEC
	inert    = noSuid | noDev | noExec
)

// Slots of detached mounts between the two halves of a start.
const (
	_ = iota
	slotRoot
	slotProc
	slotSys
	slotGroup
	slotDev
	slotPts
	slotShm
	slotQueue
	slotNode // and the following
	slotUser = 32
)

// deviceNodes are what every program may count on.
func deviceNodes() []string { return []string{"null", "zero", "full", "random", "urandom", "tty"} }

func defaultMasked() []string {
	return []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
		"/sys/devices/virtual/powercap", "/sys/firmware",
	}
}

func defaultReadOnly() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

// compileStart is the program of a jail's first process: the whole of what makes the inside, in order.
// What needs the host's tree is opened before the root changes and kept detached; after it nothing of
// the host can be named.
func compileStart(spec *sandbox.Spec, h *host, u *users, unified bool) (stage.Program, error) {
	var p stage.Program
	if u != nil {
		p = append(p, stage.Step{Op: stage.OpBecomeRoot})
	}
	hostname := spec.Hostname
	if hostname == "" {
		hostname = spec.ID[:min(len(spec.ID), 64)]
	}
	p = append(p,
		stage.Step{Op: stage.OpPrivate},
		stage.Step{Op: stage.OpHostname, S: []string{hostname}})
	if limits := tuning(spec.Resources); len(limits) > 0 {
		p = append(p, stage.Step{Op: stage.OpTune, S: limits})
	}
	if spec.Network == sandbox.NetworkNone {
		p = append(p, stage.Step{Op: stage.OpLoopback})
	}
	p = append(p, stage.Step{Op: stage.OpKeyring}, stage.Step{Op: stage.OpCgroupNS})
	p = append(p, systemMounts(spec, u, unified)...)
	before, after, err := userMounts(spec.Mounts, u != nil && u.shifted)
	if err != nil {
		return nil, err
	}
	p = append(p, before...)
	p = append(p, rootMount(&spec.Root, u), step(stage.OpPivot, slotRoot))
	p = append(p, attachSystem()...)
	p = append(p, after...)

	hidden, fixed := spec.MaskedPaths, spec.ReadOnlyPaths
	if hidden == nil {
		hidden = defaultMasked()
	}
	if fixed == nil {
		fixed = defaultReadOnly()
	}
	p = append(p,
		stage.Step{Op: stage.OpReadOnly, S: fixed},
		stage.Step{Op: stage.OpMask, S: hidden})

	bound := spec.Capabilities
	if bound == nil {
		bound = DefaultCapabilities()
	}
	last, err := compileProcess(spec.ID, spec.Process, bound, u != nil && u.oneGroup, []int64{0})
	if err != nil {
		return nil, err
	}
	if spec.Console == "" {
		for i := range last {
			if last[i].Op == stage.OpNull {
				last[i].N = []int64{0, 1, 2}
			}
		}
	}
	return append(p, last...), nil
}

// compileProcess is what every process of a jail goes through before its program runs, the first one and
// those that join. Without a process it is the driver's own program that runs.
func compileProcess(id string, proc *sandbox.Process, bound []string, oneGroup bool, null []int64) (stage.Program, error) {
	holder := proc == nil
	if holder {
		proc = &sandbox.Process{}
	}
	boundMask, err := capabilityMask(bound)
	if err != nil {
		return nil, err
	}
	effective, ambient, filtered := boundMask, uint64(0), bound
	if proc.Capabilities != nil {
		if effective, err = capabilityMask(proc.Capabilities); err != nil {
			return nil, err
		}
		if effective&^boundMask != 0 {
			return nil, invalid("capabilities", errors.New("more than the jail has"))
		}
		// Asked for by name they are also kept by a user other than root, who otherwise has none.
		boundMask, ambient, filtered = effective, effective, proc.Capabilities
	}
	ids := []int64{int64(proc.User.UID), int64(proc.User.GID)}
	for _, g := range proc.User.Groups {
		ids = append(ids, int64(g))
	}
	tty := step(stage.OpTTY, stage.TTYNone, 0, 0)
	switch {
	case proc.Terminal != nil:
		tty = step(stage.OpTTY, stage.TTYInside, int64(proc.Terminal.Rows), int64(proc.Terminal.Cols))
		null = nil
	case proc.Controlling:
		tty = step(stage.OpTTY, stage.TTYControl, 0, 0)
	}
	p := stage.Program{{Op: stage.OpUser, N: ids, S: []string{proc.User.Name}}, {Op: stage.OpNull, N: null}, tty}
	for _, l := range proc.Rlimits {
		n, ok := rlimits()[l.Name]
		if !ok {
			return nil, invalid("resource limit "+l.Name, errors.New("unknown; names are like NOFILE"))
		}
		p = append(p, step(stage.OpRlimit, int64(n), int64(l.Soft), int64(l.Hard)))
	}
	dir := proc.Dir
	if dir == "" {
		dir = "/"
	}
	one := int64(0)
	if oneGroup {
		one = 1
	}
	p = append(p,
		stage.Step{Op: stage.OpChdir, S: []string{dir}},
		step(stage.OpDrop, int64(boundMask), int64(effective), int64(ambient), one),
		stage.Step{Op: stage.OpSeccomp, S: []string{filterFor(filtered)}})
	if holder {
		elf, err := tinyinit.ELF(runtime.GOARCH)
		if err != nil {
			return nil, err
		}
		return append(p, stage.Step{Op: stage.OpInit, S: []string{string(elf), "ioc-init", processName(id)}}), nil
	}
	return append(p, stage.Step{
		Op: stage.OpExec, N: []int64{int64(len(proc.Args))}, S: append(slices.Clone(proc.Args), proc.Env...),
	}), nil
}

// processName is what process lists show for the driver's own processes.
func processName(id string) string { return "ioc: " + id }

// systemMounts opens what every jail has besides its root.
func systemMounts(spec *sandbox.Spec, u *users, unified bool) stage.Program {
	pts := []string{"ptmxmode=0666", "mode=0620"}
	if u == nil || !u.oneGroup {
		pts = append(pts, "gid=5")
	}
	if spec.Resources.Terminals > 0 {
		pts = append(pts, "max="+terminals(spec.Resources))
	}
	p := stage.Program{
		filesystem(slotProc, 0, inert, "proc"),
		filesystem(slotDev, 0, noSuid|noDev|noExec, "tmpfs", "mode=0755", "size=64k", "nr_inodes=1024"),
		filesystem(slotPts, 0, noSuid|noExec, "devpts", pts...),
		filesystem(slotShm, 0, inert, "tmpfs", "mode=1777", "size=64m"),
		filesystem(slotQueue, stage.FlagOptional, inert, "mqueue"),
	}
	if u != nil && spec.Network == sandbox.NetworkHost {
		// A new one would show the devices of a network that the jail's users do not own.
		p = append(p, filesystem(slotSys, stage.FlagOptional, readOnly|inert, "sysfs"), stage.Step{
			Op: stage.OpTree, N: []int64{slotSys, stage.FlagIfEmpty | stage.FlagRecursive, readOnly | inert, 0}, S: []string{"/sys"},
		})
	} else {
		p = append(p, filesystem(slotSys, 0, readOnly|inert, "sysfs"))
	}
	if unified {
		p = append(p, filesystem(slotGroup, stage.FlagOptional, readOnly|inert, "cgroup2"))
	}
	for i, name := range deviceNodes() {
		// A node is the host's own: read-only keeps its mode and owner, and hinders no reading or writing.
		p = append(p, stage.Step{
			Op: stage.OpTree, N: []int64{int64(slotNode + i), 0, readOnly | noSuid | noExec, 0}, S: []string{"/dev/" + name},
		})
	}
	return p
}

// attachSystem puts those mounts to their places.
func attachSystem() stage.Program {
	p := stage.Program{
		attach(slotProc, "/proc"), attach(slotSys, "/sys"), attach(slotGroup, "/sys/fs/cgroup"), attach(slotDev, "/dev"),
		attach(slotPts, "/dev/pts"), attach(slotShm, "/dev/shm"), attach(slotQueue, "/dev/mqueue"),
	}
	for i, name := range deviceNodes() {
		p = append(p, attach(slotNode+i, "/dev/"+name))
	}
	for _, l := range [][]string{
		{"pts/ptmx", "/dev/ptmx"},
		{"/proc/self/fd", "/dev/fd"},
		{"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"},
	} {
		p = append(p, stage.Step{Op: stage.OpSymlink, S: l})
	}
	return p
}

// rootMount opens the root. Devices do not work on it: the jail may make nodes, and must not use them.
func rootMount(r *sandbox.Root, u *users) stage.Step {
	attr := int64(noDev)
	if r.ReadOnly {
		attr |= readOnly
	}
	switch {
	case u != nil && u.shifted:
		return step(stage.OpPassed, slotRoot, 0) // see passed
	case r.Overlay == nil:
		return stage.Step{Op: stage.OpTree, N: []int64{slotRoot, 0, attr, 0}, S: []string{r.Dir}}
	}
	o, marks := r.Overlay, ""
	if o.UserXattr {
		marks = "userxattr"
	}
	return stage.Step{
		Op: stage.OpOverlay, N: []int64{slotRoot, 0, attr, stage.OverlayAny},
		S: append([]string{o.Upper, o.Work, marks}, o.Lowers...),
	}
}

// userMounts opens and attaches the jail's own mounts, in their order.
func userMounts(mounts []sandbox.Mount, byParent bool) (before, after stage.Program, err error) {
	if len(mounts) > 256-slotUser {
		return nil, nil, invalid("mounts", fmt.Errorf("%d; at most %d", len(mounts), 256-slotUser))
	}
	binds := int64(0)
	for i, m := range mounts {
		slot := slotUser + i
		set, clr, flags, rest := mountOptions(m.Options)
		if m.Type == "bind" {
			if len(rest) > 0 {
				return nil, nil, invalid("mount "+m.Target, fmt.Errorf("option %s: not of a bind", rest[0]))
			}
			binds++
			if byParent {
				before = append(before, step(stage.OpPassed, int64(slot), binds))
			} else {
				before = append(before, stage.Step{
					Op: stage.OpTree, N: []int64{int64(slot), flags, int64(set), int64(clr)}, S: sourceOf(&m),
				})
			}
		} else {
			before = append(before, filesystem(slot, 0, int64(set), m.Type, rest...))
		}
		last := attach(slot, m.Target)
		if m.Follow {
			last.N = append(last.N, 1)
		}
		after = append(after, last)
	}
	return before, after, nil
}

// sourceOf is where the source of a bind is, as stage.OpTree wants it.
func sourceOf(m *sandbox.Mount) []string {
	if m.Within == "" {
		return []string{m.Source}
	}
	return []string{m.Within, strings.TrimPrefix(strings.TrimPrefix(m.Source, m.Within), "/")}
}

// mountOptions sorts out what is the kernel's for every mount from what is a file system's own.
func mountOptions(options []string) (set, clr uint64, flags int64, rest []string) {
	set = noDev
	for _, o := range options {
		switch o {
		case "ro":
			set |= readOnly
		case "rw":
			set &^= readOnly
		case "nosuid":
			set |= noSuid
		case "suid":
			set &^= noSuid
		case "noexec":
			set |= noExec
		case "exec":
			set &^= noExec
		case "nodev":
			set |= noDev
		case "dev":
			set &^= noDev
		case "noatime":
			set, clr = set|unix.MOUNT_ATTR_NOATIME, unix.MOUNT_ATTR__ATIME // the kernel wants all of its field cleared
		case "bind", "defaults", "":
		case "rbind":
			flags |= stage.FlagRecursive
		default:
			rest = append(rest, o)
		}
	}
	return set, clr, flags, rest
}

func step(op stage.Op, n ...int64) stage.Step { return stage.Step{Op: op, N: n} }

func attach(slot int, target string) stage.Step {
	return stage.Step{Op: stage.OpAttach, N: []int64{int64(slot)}, S: []string{target}}
}

func filesystem(slot int, flags, attr int64, kind string, options ...string) stage.Step {
	return stage.Step{Op: stage.OpFS, N: []int64{int64(slot), flags, attr}, S: append([]string{kind}, options...)}
}

// rlimits are the kernel's resources by name.
func rlimits() map[string]int {
	return map[string]int{
		"AS": unix.RLIMIT_AS, "CORE": unix.RLIMIT_CORE, "CPU": unix.RLIMIT_CPU, "DATA": unix.RLIMIT_DATA,
		"FSIZE": unix.RLIMIT_FSIZE, "LOCKS": unix.RLIMIT_LOCKS, "MEMLOCK": unix.RLIMIT_MEMLOCK,
		"MSGQUEUE": unix.RLIMIT_MSGQUEUE, "NICE": unix.RLIMIT_NICE, "NOFILE": unix.RLIMIT_NOFILE,
		"NPROC": unix.RLIMIT_NPROC, "RSS": unix.RLIMIT_RSS, "RTPRIO": unix.RLIMIT_RTPRIO,
		"RTTIME": unix.RLIMIT_RTTIME, "SIGPENDING": unix.RLIMIT_SIGPENDING, "STACK": unix.RLIMIT_STACK,
	}
}
