package stage

// System calls that came after the syscall package was frozen and before numbers became common.
const (
	sysSeccomp     = 277
	sysMemfdCreate = 279
	sysExecveat    = 281
)
