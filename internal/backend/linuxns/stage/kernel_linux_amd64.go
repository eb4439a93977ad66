package stage

// System calls that came after the syscall package was frozen and before numbers became common.
const (
	sysSeccomp     = 317
	sysMemfdCreate = 319
	sysExecveat    = 322
)
