package linuxns

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// DefaultCapabilities is the bound of a jail that names none: what container engines have agreed on as
// harmless within namespaces.
func DefaultCapabilities() []string {
	return []string{
		"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
		"NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
	}
}

// capabilityNames lists the kernel's capabilities in the order of their numbers.
func capabilityNames() []string {
	return []string{
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
		"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
		"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
		"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
		"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
		"CHECKPOINT_RESTORE",
	}
}

// capabilityMask is the set as the kernel's bits.
func capabilityMask(names []string) (mask uint64, err error) {
	all := capabilityNames()
	for _, n := range names {
		i := slices.Index(all, n)
		if i < 0 {
			return 0, invalid("capability "+n, fmt.Errorf("unknown; names are like NET_ADMIN"))
		}
		mask |= 1 << i
	}
	return mask, nil
}

// ownCapabilities is what this process may do now.
func ownCapabilities() uint64 {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return 0
	}
	return uint64(data[0].Effective) | uint64(data[1].Effective)<<32
}

// bit is a capability's bit.
func bit(n uint) uint64 { return 1 << n }
