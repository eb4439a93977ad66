package config

// limits are the resources that rctl(8) counts on FreeBSD and cgroups(7) on Linux.
func limits() []Property {
	works := group(topicLimit, Works, Later, lackFreeBSD, []Property{
		{Name: "maxproc", Type: Count, When: AtStart, Needs: "PIDs", Help: "how many processes and threads the jail may have"},
		{Name: "memoryuse", Type: Size, When: AtStart, Needs: "Memory", Help: "how much memory the jail may use"},
		{Name: "cpuset", Type: List, When: AtStart, Needs: "CPUSet", Help: "the processors that the jail may use: 0-2,5"},
		{Name: "nthr", Type: Count, When: AtStart, Needs: "PIDs", Help: "how many threads the jail may have; of this and maxproc the lower one holds"},
		{Name: "pcpu", Type: Count, When: AtStart, Needs: "CPU", Unit: "percent of one processor", Help: "how much processor time the jail may use"},
		{Name: "readbps", Type: Size, When: AtStart, Needs: "IO", Unit: "bytes per second", Help: "how fast the jail may read from each disk"},
		{Name: "readiops", Type: Count, When: AtStart, Needs: "IO", Unit: "operations per second", Help: "how often the jail may read from each disk"},
		{Name: "swapuse", Type: Size, When: AtStart, Needs: "Swap", Help: "how much swap space the jail may reserve or use"},
		{Name: "writebps", Type: Size, When: AtStart, Needs: "IO", Unit: "bytes per second", Help: "how fast the jail may write to each disk"},
		{Name: "writeiops", Type: Count, When: AtStart, Needs: "IO", Unit: "operations per second", Help: "how often the jail may write to each disk"},
		{Name: "msgqsize", Type: Size, When: AtStart, Needs: "IPC", Help: "how many bytes of messages each System V message queue that is made from then on may have; 16K without it"},
		{Name: "nmsgq", Type: Count, When: AtStart, Needs: "IPC", Help: "how many System V message queues the jail may have"},
		{Name: "nsem", Type: Count, When: AtStart, Needs: "IPC", Help: "how many System V semaphores the jail may have"},
		{Name: "nsemop", Type: Count, When: AtStart, Needs: "IPC", Help: "how many System V semaphores one call may change; 500 without it"},
		{Name: "nshm", Type: Count, When: AtStart, Needs: "IPC", Help: "how many System V shared memory segments the jail may have; 4096 without it"},
		{Name: "pseudoterminals", Type: Count, When: AtStart, Help: "how many pseudo terminals the jail may have, with those of ioc exec"},
		{Name: "shmsize", Type: Size, When: AtStart, Needs: "IPC", Help: "how much System V shared memory the jail may have, in whole pages"},
	})
	works = append(works, group(topicLimit, Works, Later, lackFreeBSD, []Property{
		{Name: "coredumpsize", Type: Size, Help: "the largest core dump of each process that begins from then on"},
		{Name: "cputime", Type: Seconds, Help: "the processor time of each process that begins from then on"},
		{Name: "datasize", Type: Size, Help: "the largest data segment of each process that begins from then on"},
		{Name: "memorylocked", Type: Size, Help: "how much memory each process that begins from then on may lock"},
		{Name: "openfiles", Type: Count, Help: "how many files each process that begins from then on may have open"},
		{Name: "stacksize", Type: Size, Help: "the largest stack of each process that begins from then on"},
		{Name: "vmemoryuse", Type: Size, Help: "how much address space each process that begins from then on may use"},
	})...)
	never := group(topicLimit, Never, Later, "the kernel of Linux has nothing that counts it", []Property{
		{Name: "msgqqueued", Type: Count, When: AtStart, Help: "how many System V messages may be queued"},
		{Name: "wallclock", Type: Seconds, When: AtStart, Help: "how long the jail's processes may run"},
	})
	switches := group(topicLimit, Never, Later, "on Linux a limit that is set is always in force", []Property{
		{Name: "rlimits", Type: Bool, When: AtStart, Help: "apply limits; none: if the kernel counts resources"},
	})
	return append(append(works, never...), switches...)
}
