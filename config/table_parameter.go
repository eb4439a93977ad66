package config

// parameters are those of jail(8) which no other system has.
func parameters() []Property {
	all := group(topicParameter, Never, Later, "it is a parameter of FreeBSD's jails", []Property{
		{Name: "allow_chflags", Type: Bool, Default: "no", Help: "files' flags may be changed"},
		{Name: "allow_mlock", Type: Bool, Default: "no", Help: "memory may be locked"},
		{Name: "allow_mount", Type: Bool, Default: "no", Help: "file systems may be mounted"},
		{Name: "allow_mount_devfs", Type: Bool, Default: "no", Help: "devfs may be mounted"},
		{Name: "allow_mount_fdescfs", Type: Bool, Default: "no", Help: "fdescfs may be mounted"},
		{Name: "allow_mount_fusefs", Type: Bool, Default: "no", Help: "fusefs may be mounted"},
		{Name: "allow_mount_nullfs", Type: Bool, Default: "no", Help: "nullfs may be mounted"},
		{Name: "allow_mount_procfs", Type: Bool, Default: "no", Help: "procfs may be mounted"},
		{Name: "allow_mount_tmpfs", Type: Bool, Default: "no", Help: "tmpfs may be mounted"},
		{Name: "allow_mount_zfs", Type: Bool, Default: "no", Help: "ZFS may be mounted"},
		{Name: "allow_quotas", Type: Bool, Default: "no", Help: "quotas may be administered"},
		{Name: "allow_raw_sockets", Type: Bool, Default: "no", Help: "raw sockets may be made"},
		{Name: "allow_set_hostname", Type: Bool, Default: "yes", Help: "the jail may change its host name"},
		{Name: "allow_socket_af", Type: Bool, Default: "no", Help: "sockets of all families may be made"},
		{Name: "allow_sysvipc", Type: Bool, Default: "no", Help: "the host's System V IPC may be used"},
		{Name: "allow_vmm", Type: Bool, Default: "no", Help: "virtual machines may be run"},
		{Name: "children_max", Type: Int, Default: "0", Help: "how many jails there may be in the jail"},
		{Name: "enforce_statfs", Type: Int, Default: "2", Help: "how much of the host's mounts is hidden: 0, 1 or 2"},
		{Name: "securelevel", Type: Int, Default: "2", Help: "the security level"},
		{Name: "sysvmsg", Default: "new", Help: "System V messages: disable, inherit or new"},
		{Name: "sysvsem", Default: "new", Help: "System V semaphores: disable, inherit or new"},
		{Name: "sysvshm", Default: "new", Help: "System V shared memory: disable, inherit or new"},
	})
	for i := range all {
		all[i].When = AtStart
	}
	return all
}
