package stage

// Op is a kind of step. Its comment says what N and S are. A slot is a number below 256 under which a
// detached mount is kept until it is attached.
type Op byte

const (
	_ Op = iota

	OpBecomeRoot // take user and group 0, which until then had no mapping
	OpPrivate    // no mount goes to or comes from another namespace
	OpHostname   // S: name
	OpTune       // S: names below kernel. and values, in turn. Limits of the own IPC namespace, while the host's /proc is there
	OpLoopback   // bring lo up
	OpKeyring    // leave the caller's session keyring for an own one
	OpCgroupNS   // see the cgroup one is in as the root

	OpTree    // N: slot, flags, attributes to set, to clear. S: path, or a directory and a path in it without symbolic links. A detached copy of the host's mount
	OpFS      // N: slot, flags, attributes. S: type, options "key=value" or "key". A new file system
	OpOverlay // N: slot, flags, attributes, way. S: upper, work, "userxattr" or "", lowers newest first
	OpPassed  // N: slot, index. A mount that the parent has made and sent with the program

	OpPivot    // N: slot. It becomes the root; the host's tree is gone
	OpAttach   // N: slot, and 1 to follow a link at the target. S: target in the root. A slot left empty by FlagOptional is passed over
	OpSymlink  // S: content, path
	OpReadOnly // S: paths; those that do not exist are passed over
	OpMask     // S: paths; those that do not exist are passed over
	OpUnmount  // S: path. The topmost mount there is taken away

	OpUser   // N: uid, gid, groups... S: "" or a name, which then is looked up
	OpTTY    // N: how, rows, columns
	OpNull   // N: descriptors that become the jail's null device
	OpRlimit // N: resource, soft, hard
	OpChdir  // S: path
	OpDrop   // N: bounding, effective, ambient capabilities; 1 if groups cannot be set. Take the user's identity

	OpSeccomp // S: filter
	OpInit    // S: executable, its name, its argument 0. Execute it from memory
	OpExec    // N: count of arguments. S: arguments, then environment
	OpEnd     // execute nothing, and end with 0
)

// Flags of OpTree, OpFS and OpOverlay.
const (
	FlagRecursive = 1 << iota // with the mounts below
	FlagOptional              // what the kernel refuses stays out
	FlagIfEmpty               // only if the slot is empty
)

// Ways of OpOverlay. Any is all of them, one after the other; the others are for tests.
const (
	OverlayAny    = iota
	OverlayNew    // an option a layer: Linux 6.5
	OverlayString // all layers in one string of at most 255 bytes
	OverlayOld    // mount(2), one page of options
)

// Ways of OpTTY.
const (
	TTYNone    = iota // a session without a terminal
	TTYInside         // a new terminal of the jail; its controlling side goes to the parent
	TTYControl        // standard input is a terminal: take it
)

// verb is what a failure is introduced with.
func (o Op) verb() string {
	switch o {
	case OpBecomeRoot:
		return "become root"
	case OpPrivate:
		return "make mounts private"
	case OpHostname:
		return "set host name"
	case OpTune:
		return "limit IPC"
	case OpLoopback:
		return "bring up lo"
	case OpKeyring:
		return "session keyring"
	case OpCgroupNS:
		return "cgroup namespace"
	case OpTree:
		return "bind"
	case OpFS, OpAttach, OpPassed:
		return "mount"
	case OpOverlay:
		return "mount overlay"
	case OpPivot:
		return "change root"
	case OpSymlink:
		return "link"
	case OpReadOnly:
		return "make read-only"
	case OpMask:
		return "mask"
	case OpUnmount:
		return "unmount"
	case OpEnd:
		return "end"
	case OpUser:
		return "user"
	case OpTTY:
		return "terminal"
	case OpNull:
		return "open"
	case OpRlimit:
		return "resource limit"
	case OpChdir:
		return "working directory"
	case OpDrop:
		return "drop privileges"
	case OpSeccomp:
		return "seccomp"
	case OpInit, OpExec:
		return "exec"
	default:
		return "unknown step"
	}
}
