package stage

import (
	"syscall"
	"unsafe"
)

// What the standard library's syscall has not: it was frozen before most of these calls came. The usual
// package for them would be in every program anyway, but packages are initialised in the order of their
// names as far as their imports allow, and nearly all others would come before one that imports it.
// TestKernel compares every number here with that package's.

// System calls that have the same number on all architectures: those from 424 on.
const (
	sysOpenTree     = 428
	sysMoveMount    = 429
	sysFsopen       = 430
	sysFsconfig     = 431
	sysFsmount      = 432
	sysCloseRange   = 436
	sysOpenat2      = 437
	sysMountSetattr = 442
)

// Flags and requests, in the kernel's spelling but for the case.
const (
	atFdcwd      = -0x64
	atEmptyPath  = 0x1000
	atRecursive  = 0x8000
	oPath        = 0x200000
	sigSetmask   = 2
	tiocgptpeer  = 0x5441
	devptsMagic  = 0x1cd1     // DEVPTS_SUPER_MAGIC
	cloneCgroup  = 0x2000000  // CLONE_NEWCGROUP
	capVersion3  = 0x20080522 // _LINUX_CAPABILITY_VERSION_3
	seccompModes = 1          // SECCOMP_SET_MODE_FILTER

	closeRangeCloexec = 4

	fAddSeals   = 0x409
	fSealSeal   = 1
	fSealShrink = 2
	fSealGrow   = 4
	fSealWrite  = 8
	fSealExec   = 0x20 // Linux 6.3

	mfdCloexec      = 1
	mfdAllowSealing = 2
	mfdExec         = 0x10 // Linux 6.3

	fsopenCloexec  = 1
	fsmountCloexec = 1
	fsconfigFlag   = 0 // FSCONFIG_SET_FLAG
	fsconfigString = 1 // FSCONFIG_SET_STRING
	fsconfigCreate = 6 // FSCONFIG_CMD_CREATE

	openTreeClone      = 1
	openTreeCloexec    = 0x80000
	moveMountFromEmpty = 4    // MOVE_MOUNT_F_EMPTY_PATH
	moveMountToEmpty   = 0x40 // MOVE_MOUNT_T_EMPTY_PATH

	mountAttrRdonly = 1
	mountAttrNosuid = 2
	mountAttrNodev  = 4
	mountAttrNoexec = 8

	resolveNoMagiclinks = 2
	resolveNoXdev       = 1
	resolveNoSymlinks   = 4
	resolveBeneath      = 8
	resolveInRoot       = 0x10

	prCapAmbient      = 47
	prCapAmbientRaise = 2
	prCapAmbientClear = 4 // PR_CAP_AMBIENT_CLEAR_ALL
	prSetNoNewPrivs   = 38

	keyctlJoinSessionKeyring = 1
)

// mountAttr is struct mount_attr, openHow struct open_how, winsize struct winsize.
type (
	mountAttr struct{ set, clr, propagation, usernsFD uint64 }
	openHow   struct{ flags, mode, resolve uint64 }
	winsize   struct{ row, col, xpixel, ypixel uint16 }
)

// result is a system call's.
func result(r uintptr, e syscall.Errno) (int, error) {
	if e != 0 {
		return -1, e
	}
	return int(r), nil
}

func failed(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

func openTree(dir int, path string, flags uint) (int, error) {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	r, _, e := syscall.Syscall(sysOpenTree, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(flags))
	return result(r, e)
}

func mountSetattr(fd int, flags uint, attr *mountAttr) error {
	var empty byte
	_, _, e := syscall.Syscall6(sysMountSetattr, uintptr(fd), uintptr(unsafe.Pointer(&empty)), uintptr(flags|atEmptyPath),
		uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr), 0)
	return failed(e)
}

// moveMount attaches the detached mount fd at path below to; empty is what to itself is.
func moveMount(fd, to int, path string) error {
	var empty byte
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	flags := uintptr(moveMountFromEmpty)
	if path == "" {
		flags |= moveMountToEmpty
	}
	_, _, e := syscall.Syscall6(sysMoveMount, uintptr(fd), uintptr(unsafe.Pointer(&empty)), uintptr(to), uintptr(unsafe.Pointer(p)), flags, 0)
	return failed(e)
}

func fsopen(kind string) (int, error) {
	p, err := syscall.BytePtrFromString(kind)
	if err != nil {
		return -1, err
	}
	r, _, e := syscall.Syscall(sysFsopen, uintptr(unsafe.Pointer(p)), fsopenCloexec, 0)
	return result(r, e)
}

// fsconfig sets "key=value" or the flag "key".
func fsconfig(fd int, option string) error {
	how, key, value := uintptr(fsconfigFlag), option, (*byte)(nil)
	for i := range len(option) {
		if option[i] == '=' {
			v, err := syscall.BytePtrFromString(option[i+1:])
			if err != nil {
				return err
			}
			how, key, value = fsconfigString, option[:i], v
			break
		}
	}
	k, err := syscall.BytePtrFromString(key)
	if err != nil {
		return err
	}
	_, _, e := syscall.Syscall6(sysFsconfig, uintptr(fd), how, uintptr(unsafe.Pointer(k)), uintptr(unsafe.Pointer(value)), 0, 0)
	return failed(e)
}

// fsmount creates the configured file system and makes a detached mount of it.
func fsmount(fd int, attr uint64) (int, error) {
	if _, _, e := syscall.Syscall6(sysFsconfig, uintptr(fd), fsconfigCreate, 0, 0, 0, 0); e != 0 {
		return -1, e
	}
	r, _, e := syscall.Syscall(sysFsmount, uintptr(fd), fsmountCloexec, uintptr(attr))
	return result(r, e)
}

func openat2(dir int, path string, how *openHow) (int, error) {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	r, _, e := syscall.Syscall6(sysOpenat2, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(how)), unsafe.Sizeof(*how), 0, 0)
	return result(r, e)
}

// readlinkat reads the link that fd is.
func readlinkat(fd int, to []byte) (int, error) {
	var empty byte
	n, _, e := syscall.RawSyscall6(syscall.SYS_READLINKAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)), uintptr(unsafe.Pointer(&to[0])), uintptr(len(to)), 0, 0)
	return result(n, e)
}

// closeOnExec marks all descriptors from first on.
func closeOnExec(first uint) {
	_, _, _ = syscall.Syscall(sysCloseRange, uintptr(first), uintptr(^uint32(0)), closeRangeCloexec)
}

func symlinkat(content string, dir int, name string) error {
	c, err := syscall.BytePtrFromString(content)
	if err != nil {
		return err
	}
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	_, _, e := syscall.Syscall(syscall.SYS_SYMLINKAT, uintptr(unsafe.Pointer(c)), uintptr(dir), uintptr(unsafe.Pointer(n)))
	return failed(e)
}

func memfdCreate(name string, flags uintptr) (int, error) {
	p, err := syscall.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	r, _, e := syscall.Syscall(sysMemfdCreate, uintptr(unsafe.Pointer(p)), flags, 0)
	return result(r, e)
}

func seal(fd int, seals uintptr) error {
	_, _, e := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), fAddSeals, seals)
	return failed(e)
}

func prctl(option, a2, a3 uintptr) error {
	_, _, e := syscall.Syscall6(syscall.SYS_PRCTL, option, a2, a3, 0, 0, 0)
	return failed(e)
}

// capset gives this thread its three sets.
func capset(effective, inheritable uint64) error {
	head := [2]uint32{capVersion3, 0}
	data := [2][3]uint32{ // effective, permitted, inheritable
		{uint32(effective), uint32(effective), uint32(inheritable)},
		{uint32(effective >> 32), uint32(effective >> 32), uint32(inheritable >> 32)},
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&data)), 0)
	return failed(e)
}

// prlimit sets a resource limit of this process.
func prlimit(resource int, soft, hard uint64) error {
	limit := [2]uint64{soft, hard}
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	return failed(e)
}

// ioctl is one whose argument is a number, ioctlPtr one whose argument is a value of the kernel's.
func ioctl(fd int, request, arg uintptr) (int, error) {
	r, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, arg)
	return result(r, e)
}

func ioctlPtr(fd int, request uintptr, arg unsafe.Pointer) error {
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	return failed(e)
}

// device is a device's number as stat has it.
func device(major, minor uint64) uint64 { return major<<8 | minor } // both below 256
