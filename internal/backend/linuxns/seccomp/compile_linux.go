//go:build linux && (amd64 || arm64)

package seccomp

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// What a filter returns.
const (
	allow = unix.SECCOMP_RET_ALLOW
	eperm = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	nosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// Offsets into the kernel's struct seccomp_data. Arguments are 64 bits wide and little-endian on
// both architectures: the low half comes first.
const (
	offNumber = 0
	offArch   = 4
	offArg0   = 16
)

// namespaces are the clone flags that make one; without SYS_ADMIN clone may have none of them.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// inst is the kernel's struct sock_filter.
type inst struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

func load(off uint32) inst { return inst{code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, k: off} }
func ret(k uint32) inst    { return inst{code: unix.BPF_RET | unix.BPF_K, k: k} }
func jump(op uint16, k uint32, jt, jf uint8) inst {
	return inst{code: unix.BPF_JMP | op | unix.BPF_K, jt: jt, jf: jf, k: k}
}

// leaf is what happens for all numbers from lo up to the next leaf's.
type leaf struct {
	lo   uint32
	then []inst
}

// Compile returns the filter for processes that are bounded by capabilities (names without "CAP_"),
// as the array of struct sock_filter that seccomp(2) takes.
func Compile(capabilities []string) []byte {
	rules, allowed := make([][]inst, newest+1), []inst{ret(allow)} // by number; this runs at every start and join
	permit := func(numbers []uint32) {
		for _, n := range numbers {
			rules[n] = allowed
		}
	}
	permit(base())
	permit(native())
	rules[unix.SYS_PERSONALITY] = personality()
	rules[unix.SYS_SOCKET] = socket()
	rules[unix.SYS_CLONE] = []inst{load(offArg0), jump(unix.BPF_JSET, namespaces, 0, 1), ret(eperm), ret(allow)}
	rules[unix.SYS_CLONE3] = []inst{ret(nosys)}
	for _, c := range capabilities {
		permit(grants(c))
	}

	prog := []inst{load(offArch), jump(unix.BPF_JEQ, audit, 1, 0), ret(nosys), load(offNumber)}
	prog = append(prog, search(leaves(rules))...)
	out := make([]byte, 0, 8*len(prog))
	for _, i := range prog {
		out = binary.NativeEndian.AppendUint16(out, i.code)
		out = append(out, i.jt, i.jf)
		out = binary.NativeEndian.AppendUint32(out, i.k)
	}
	return out
}

// personality allows the ones that do not weaken the address space: Linux, its 32-bit, its
// UNAME26 variants, and asking.
func personality() []inst {
	return []inst{
		load(offArg0),
		jump(unix.BPF_JEQ, 0x0, 5, 0),
		jump(unix.BPF_JEQ, 0x8, 4, 0),
		jump(unix.BPF_JEQ, 0x20000, 3, 0),
		jump(unix.BPF_JEQ, 0x20008, 2, 0),
		jump(unix.BPF_JEQ, 0xffffffff, 1, 0),
		ret(eperm),
		ret(allow),
	}
}

// socket denies the kernel's crypto interface (AF_ALG: attack surface without a use in a jail),
// sockets to the hypervisor (AF_VSOCK: they know no network namespace) and families unknown here.
func socket() []inst {
	return []inst{
		load(offArg0),
		jump(unix.BPF_JEQ, unix.AF_ALG, 2, 0),
		jump(unix.BPF_JEQ, unix.AF_VSOCK, 1, 0),
		jump(unix.BPF_JGT, unix.AF_MCTP, 0, 1),
		ret(eperm),
		ret(allow),
	}
}

// leaves turns rules into ranges without gaps: what no rule names is denied.
func leaves(rules [][]inst) []leaf {
	denied, unknown := []inst{ret(eperm)}, []inst{ret(nosys)}
	all := make([]leaf, 0, 128)
	add := func(lo uint32, then []inst) {
		if n := len(all); n == 0 || !slices.Equal(all[n-1].then, then) {
			all = append(all, leaf{lo, then})
		}
	}
	for n, then := range rules {
		if then == nil {
			then = denied
		}
		add(uint32(n), then)
	}
	add(uint32(len(rules)), unknown)
	return all
}

// search is the binary search for the accumulator's leaf. Conditional jumps reach 255
// instructions; a longer way takes an unconditional one.
func search(all []leaf) []inst {
	if len(all) == 1 {
		return all[0].then
	}
	mid := len(all) / 2
	low, high := search(all[:mid]), search(all[mid:])
	prog := make([]inst, 0, 2+len(low)+len(high))
	if len(low) <= 255 {
		prog = append(prog, jump(unix.BPF_JGE, all[mid].lo, uint8(len(low)), 0))
	} else {
		prog = append(prog,
			jump(unix.BPF_JGE, all[mid].lo, 0, 1),
			inst{code: unix.BPF_JMP | unix.BPF_JA, k: uint32(len(low))})
	}
	return append(append(prog, low...), high...)
}
