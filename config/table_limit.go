package config

// limits are the resources that rctl(8) counts on FreeBSD and cgroups(7) on Linux.
func limits() []Property {
	works := group(topicLimit, Works, Later, lackFreeBSD, []Property{
		{Name: "maxproc", Type: Count, When: AtStart, Needs: "PIDs", Help: "how many processes and threads the jail may have"},
		{Name: "memoryuse", Type: Size, When: AtStart, Needs: "Memory", Help: "how much memory the jail may use"},
		{Name: "pcpu", Type: Count, When: AtStart, Needs: "CPU", Unit: "percent of one processor", Help: "how much processor time the jail may use"},
	})
	later := group(topicLimit, Later, Later, "ioc does not set this limit", []Property{
		{Name: "coredumpsize", Type: Size, Help: "the largest core dump"},
		{Name: "cpuset", Help: "the processors that the jail may use"},
		{Name: "cputime", Type: Seconds, Help: "the processor time that the jail may use in all"},
		{Name: "datasize", Type: Size, Help: "the largest data segment"},
		{Name: "memorylocked", Type: Size, Help: "how much memory may be locked"},
		{Name: "msgqqueued", Type: Count, Help: "how many System V messages may be queued"},
		{Name: "msgqsize", Type: Size, Help: "the largest System V message queue"},
		{Name: "nmsgq", Type: Count, Help: "how many System V message queues there may be"},
		{Name: "nsem", Type: Count, Help: "how many System V semaphores there may be"},
		{Name: "nsemop", Type: Count, Help: "how many System V semaphores one call may change"},
		{Name: "nshm", Type: Count, Help: "how many System V shared memory segments there may be"},
		{Name: "nthr", Type: Count, Help: "how many threads the jail may have"},
		{Name: "openfiles", Type: Count, Help: "how many files may be open"},
		{Name: "pseudoterminals", Type: Count, Help: "how many pseudo terminals there may be"},
		{Name: "readbps", Type: Size, Unit: "bytes per second", Help: "how fast the jail may read from disks"},
		{Name: "readiops", Type: Count, Unit: "operations per second", Help: "how often the jail may read from disks"},
		{Name: "shmsize", Type: Size, Help: "how much System V shared memory there may be"},
		{Name: "stacksize", Type: Size, Help: "the largest stack"},
		{Name: "swapuse", Type: Size, Help: "how much swap space the jail may reserve or use"},
		{Name: "vmemoryuse", Type: Size, Help: "how much address space the jail may use"},
		{Name: "wallclock", Type: Seconds, Help: "how long the jail's processes may run"},
		{Name: "writebps", Type: Size, Unit: "bytes per second", Help: "how fast the jail may write to disks"},
		{Name: "writeiops", Type: Count, Unit: "operations per second", Help: "how often the jail may write to disks"},
	})
	for i := range later {
		later[i].When = AtStart
	}
	switches := group(topicLimit, Never, Later, "on Linux a limit that is set is always in force", []Property{
		{Name: "rlimits", Type: Bool, When: AtStart, Help: "apply limits; none: if the kernel counts resources"},
	})
	return append(append(works, later...), switches...)
}
