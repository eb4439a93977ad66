package seccomp

// audit is AUDIT_ARCH_AARCH64: what the kernel says of a call through the native entry.
const audit = 0xc00000b7

// native lists the calls that every jail may use and that only this architecture has: none, it was
// born without the calls that others keep for old programs.
func native() []uint32 { return nil }

func rawIO() []uint32 { return nil }
