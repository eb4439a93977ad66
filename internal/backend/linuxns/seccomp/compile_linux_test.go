//go:build linux && (amd64 || arm64)

package seccomp

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	oracle "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// data is one call as a filter sees it.
type data struct {
	nr, arch uint32
	arg0     uint64
}

func (d data) bytes() []byte {
	// bpf.VM reads big-endian, the kernel's filter native words: every 32-bit word is swapped.
	b := make([]byte, 64)
	binary.BigEndian.PutUint32(b[offNumber:], d.nr)
	binary.BigEndian.PutUint32(b[offArch:], d.arch)
	binary.BigEndian.PutUint32(b[offArg0:], uint32(d.arg0))
	binary.BigEndian.PutUint32(b[offArg0+4:], uint32(d.arg0>>32))
	return b
}

// run returns the answer of a compiled filter.
func machine(t *testing.T, filter []byte) func(data) uint32 {
	t.Helper()
	var raw []bpf.RawInstruction
	for f := range slices.Chunk(filter, 8) {
		raw = append(raw, bpf.RawInstruction{
			Op: binary.NativeEndian.Uint16(f), Jt: f[2], Jf: f[3], K: binary.NativeEndian.Uint32(f[4:]),
		})
	}
	prog, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("filter has instructions that do not decode")
	}
	return vm(t, prog)
}

func vm(t *testing.T, prog []bpf.Instruction) func(data) uint32 {
	t.Helper()
	m, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatal(err)
	}
	return func(d data) uint32 {
		n, err := m.Run(d.bytes())
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
}

var fourteen = []string{
	"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
	"NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
}

// TestAgreesWithOracle compares every number's verdict with a filter that another assembler made of
// the same policy.
func TestAgreesWithOracle(t *testing.T) {
	info, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	for _, caps := range [][]string{nil, fourteen, {"SYS_ADMIN", "SYS_PTRACE", "SYS_NICE"}} {
		numbers := append(base(), native()...)
		for _, c := range caps {
			numbers = append(numbers, grants(c)...)
		}
		slices.Sort(numbers)
		group := oracle.SyscallGroup{Action: oracle.ActionAllow}
		unnamed := map[uint32]bool{}
		for _, n := range slices.Compact(numbers) {
			if name, ok := info.SyscallNumbers[int(n)]; ok {
				group.Names = append(group.Names, name)
			} else {
				unnamed[n] = true
			}
		}
		policy := oracle.Policy{
			DefaultAction: oracle.ActionErrno,
			Syscalls:      []oracle.SyscallGroup{group},
		}
		prog, err := policy.Assemble()
		if err != nil {
			t.Fatal(err)
		}
		want, got := vm(t, prog), machine(t, Compile(caps))
		for n := range uint32(newest + 1) {
			switch n {
			case unix.SYS_CLONE, unix.SYS_CLONE3, unix.SYS_SOCKET, unix.SYS_PERSONALITY:
				continue // TestArguments
			}
			if unnamed[n] {
				continue
			}
			d := data{nr: n, arch: audit}
			if w, g := want(d), got(d); w != g {
				t.Errorf("caps %v: call %d (%s) = %#x, want %#x", caps, n, info.SyscallNumbers[int(n)], g, w)
			}
		}
	}
}

func TestArguments(t *testing.T) {
	plain, admin := machine(t, Compile(fourteen)), machine(t, Compile([]string{"SYS_ADMIN"}))
	for _, c := range []struct {
		name string
		run  func(data) uint32
		data data
		want uint32
	}{
		{"fork", plain, data{unix.SYS_CLONE, audit, uint64(unix.SIGCHLD)}, allow},
		{"thread", plain, data{unix.SYS_CLONE, audit, unix.CLONE_VM | unix.CLONE_THREAD}, allow},
		{"clone_newuser", plain, data{unix.SYS_CLONE, audit, unix.CLONE_NEWUSER}, eperm},
		{"clone_newns", plain, data{unix.SYS_CLONE, audit, unix.CLONE_NEWNS | uint64(unix.SIGCHLD)}, eperm},
		{"clone_admin", admin, data{unix.SYS_CLONE, audit, unix.CLONE_NEWNS}, allow},
		{"clone3", plain, data{unix.SYS_CLONE3, audit, 0}, nosys},
		{"clone3_admin", admin, data{unix.SYS_CLONE3, audit, 0}, allow},
		{"unix", plain, data{unix.SYS_SOCKET, audit, unix.AF_UNIX}, allow},
		{"inet6", plain, data{unix.SYS_SOCKET, audit, unix.AF_INET6}, allow},
		{"alg", plain, data{unix.SYS_SOCKET, audit, unix.AF_ALG}, eperm},
		{"vsock", plain, data{unix.SYS_SOCKET, audit, unix.AF_VSOCK}, eperm},
		{"af_new", plain, data{unix.SYS_SOCKET, audit, 60}, eperm},
		{"personality_linux", plain, data{unix.SYS_PERSONALITY, audit, 0}, allow},
		{"personality_ask", plain, data{unix.SYS_PERSONALITY, audit, 0xffffffff}, allow},
		{"no_randomize", plain, data{unix.SYS_PERSONALITY, audit, 0x0040000}, eperm},
		{"read_implies_exec", plain, data{unix.SYS_PERSONALITY, audit, 0x0400000}, eperm},
		{"mount", plain, data{unix.SYS_MOUNT, audit, 0}, eperm},
		{"mount_admin", admin, data{unix.SYS_MOUNT, audit, 0}, allow},
		{"io_uring", plain, data{unix.SYS_IO_URING_SETUP, audit, 0}, eperm},
		{"newer", plain, data{newest + 1, audit, 0}, nosys},
		{"far_newer", plain, data{5000, audit, 0}, nosys},
		{"x32_read", plain, data{0x40000000, audit, 0}, nosys},
		{"x32_own", plain, data{0x40000000 + 512, audit, 0}, nosys},
		{"negative", plain, data{0xffffffff, audit, 0}, nosys},
		{"i386_read", plain, data{3, 0x40000003, 0}, nosys},
		{"arm_read", plain, data{3, 0x40000028, 0}, nosys},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.run(c.data); got != c.want {
				t.Errorf("filter(%+v) = %#x, want %#x", c.data, got, c.want)
			}
		})
	}
}

// TestSize: the kernel refuses more than 4096 instructions, and a long chain costs at every load.
func TestSize(t *testing.T) {
	for _, caps := range [][]string{nil, fourteen, {"SYS_ADMIN", "SYS_PTRACE", "SYS_NICE", "SYS_TIME", "BPF", "SYSLOG"}} {
		if n := len(Compile(caps)) / 8; n > 400 {
			t.Errorf("Compile(%v) has %d instructions, want at most 400", caps, n)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		Compile(fourteen)
	}
}
