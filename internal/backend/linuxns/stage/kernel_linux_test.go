package stage

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestKernel compares what is written down here with what is generated from the kernel's headers.
func TestKernel(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"open_tree", sysOpenTree, unix.SYS_OPEN_TREE},
		{"move_mount", sysMoveMount, unix.SYS_MOVE_MOUNT},
		{"fsopen", sysFsopen, unix.SYS_FSOPEN},
		{"fsconfig", sysFsconfig, unix.SYS_FSCONFIG},
		{"fsmount", sysFsmount, unix.SYS_FSMOUNT},
		{"close_range", sysCloseRange, unix.SYS_CLOSE_RANGE},
		{"openat2", sysOpenat2, unix.SYS_OPENAT2},
		{"mount_setattr", sysMountSetattr, unix.SYS_MOUNT_SETATTR},
		{"seccomp", sysSeccomp, unix.SYS_SECCOMP},
		{"memfd_create", sysMemfdCreate, unix.SYS_MEMFD_CREATE},
		{"execveat", sysExecveat, unix.SYS_EXECVEAT},
		{"AT_FDCWD", atFdcwd, unix.AT_FDCWD},
		{"AT_EMPTY_PATH", atEmptyPath, unix.AT_EMPTY_PATH},
		{"AT_RECURSIVE", atRecursive, unix.AT_RECURSIVE},
		{"O_PATH", oPath, unix.O_PATH},
		{"SIG_SETMASK", sigSetmask, unix.SIG_SETMASK},
		{"TIOCGPTPEER", tiocgptpeer, unix.TIOCGPTPEER},
		{"DEVPTS_SUPER_MAGIC", devptsMagic, unix.DEVPTS_SUPER_MAGIC},
		{"CLONE_NEWCGROUP", cloneCgroup, unix.CLONE_NEWCGROUP},
		{"LINUX_CAPABILITY_VERSION_3", capVersion3, unix.LINUX_CAPABILITY_VERSION_3},
		{"SECCOMP_SET_MODE_FILTER", seccompModes, unix.SECCOMP_SET_MODE_FILTER},
		{"CLOSE_RANGE_CLOEXEC", closeRangeCloexec, unix.CLOSE_RANGE_CLOEXEC},
		{"F_ADD_SEALS", fAddSeals, unix.F_ADD_SEALS},
		{"F_SEAL_SEAL", fSealSeal, unix.F_SEAL_SEAL},
		{"F_SEAL_SHRINK", fSealShrink, unix.F_SEAL_SHRINK},
		{"F_SEAL_GROW", fSealGrow, unix.F_SEAL_GROW},
		{"F_SEAL_WRITE", fSealWrite, unix.F_SEAL_WRITE},
		{"F_SEAL_EXEC", fSealExec, unix.F_SEAL_EXEC},
		{"MFD_CLOEXEC", mfdCloexec, unix.MFD_CLOEXEC},
		{"MFD_ALLOW_SEALING", mfdAllowSealing, unix.MFD_ALLOW_SEALING},
		{"MFD_EXEC", mfdExec, unix.MFD_EXEC},
		{"FSOPEN_CLOEXEC", fsopenCloexec, unix.FSOPEN_CLOEXEC},
		{"FSMOUNT_CLOEXEC", fsmountCloexec, unix.FSMOUNT_CLOEXEC},
		{"FSCONFIG_SET_FLAG", fsconfigFlag, unix.FSCONFIG_SET_FLAG},
		{"FSCONFIG_SET_STRING", fsconfigString, unix.FSCONFIG_SET_STRING},
		{"FSCONFIG_CMD_CREATE", fsconfigCreate, unix.FSCONFIG_CMD_CREATE},
		{"OPEN_TREE_CLONE", openTreeClone, unix.OPEN_TREE_CLONE},
		{"OPEN_TREE_CLOEXEC", openTreeCloexec, unix.OPEN_TREE_CLOEXEC},
		{"MOVE_MOUNT_F_EMPTY_PATH", moveMountFromEmpty, unix.MOVE_MOUNT_F_EMPTY_PATH},
		{"MOVE_MOUNT_T_EMPTY_PATH", moveMountToEmpty, unix.MOVE_MOUNT_T_EMPTY_PATH},
		{"MOUNT_ATTR_RDONLY", mountAttrRdonly, unix.MOUNT_ATTR_RDONLY},
		{"MOUNT_ATTR_NOSUID", mountAttrNosuid, unix.MOUNT_ATTR_NOSUID},
		{"MOUNT_ATTR_NODEV", mountAttrNodev, unix.MOUNT_ATTR_NODEV},
		{"MOUNT_ATTR_NOEXEC", mountAttrNoexec, unix.MOUNT_ATTR_NOEXEC},
		{"RESOLVE_NO_MAGICLINKS", resolveNoMagiclinks, unix.RESOLVE_NO_MAGICLINKS},
		{"RESOLVE_NO_XDEV", resolveNoXdev, unix.RESOLVE_NO_XDEV},
		{"RESOLVE_NO_SYMLINKS", resolveNoSymlinks, unix.RESOLVE_NO_SYMLINKS},
		{"RESOLVE_BENEATH", resolveBeneath, unix.RESOLVE_BENEATH},
		{"RESOLVE_IN_ROOT", resolveInRoot, unix.RESOLVE_IN_ROOT},
		{"PR_CAP_AMBIENT", prCapAmbient, unix.PR_CAP_AMBIENT},
		{"PR_CAP_AMBIENT_RAISE", prCapAmbientRaise, unix.PR_CAP_AMBIENT_RAISE},
		{"PR_CAP_AMBIENT_CLEAR_ALL", prCapAmbientClear, unix.PR_CAP_AMBIENT_CLEAR_ALL},
		{"PR_SET_NO_NEW_PRIVS", prSetNoNewPrivs, unix.PR_SET_NO_NEW_PRIVS},
		{"KEYCTL_JOIN_SESSION_KEYRING", keyctlJoinSessionKeyring, unix.KEYCTL_JOIN_SESSION_KEYRING},
		{"sizeof_mount_attr", int(unsafe.Sizeof(mountAttr{})), int(unsafe.Sizeof(unix.MountAttr{}))},
		{"sizeof_open_how", int(unsafe.Sizeof(openHow{})), unix.SizeofOpenHow},
		{"sizeof_winsize", int(unsafe.Sizeof(winsize{})), int(unsafe.Sizeof(unix.Winsize{}))},
		{"mkdev", int(device(5, 2)), int(unix.Mkdev(5, 2))},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("%#x, want %#x", c.got, c.want)
			}
		})
	}
}
