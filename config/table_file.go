package config

// files are what a jail sees of file systems and devices.
func files() []Property {
	all := group(topicFiles, Later, Later, "ioc makes no base jails", []Property{
		{Name: "basejail", Type: Bool, Default: "no", Help: "the jail mounts its base system from the release at each start"},
		{Name: "basejail_type", Default: "nullfs", Help: "how: nullfs or zfs"},
	})
	all = append(all, group(topicFiles, Never, Later, "it takes FreeBSD, or OpenZFS 2.2's zoned name spaces, which ioc does not use", []Property{
		{Name: "jail_zfs", Type: Bool, Default: "no", Help: "the jail's root manages ZFS file systems of its own"},
		{Name: "jail_zfs_dataset", Type: List, Help: "those file systems, which have to have jailed=on"},
	})...)
	all = append(all, group(topicFiles, Never, Never, "the file system's own property mountpoint says where a jail sees it", []Property{
		{Name: "jail_zfs_mountpoint", Help: "where iocage lets jail_zfs_dataset be mounted"},
	})...)
	all = append(all, group(topicFiles, Never, Later, "on Linux a jail always has a small /dev of its own", []Property{
		{Name: "devfs_ruleset", Default: "4", Help: "the devices that the jail sees: a ruleset of devfs.rules(5)"},
		{Name: "mount_devfs", Type: Bool, Default: "yes", Help: "mount /dev"},
		{Name: "mount_fdescfs", Type: Bool, Default: "no", Help: "mount /dev/fd"},
	})...)
	all = append(all, group(topicFiles, Never, Later, "on Linux a jail always has a /proc of its own", []Property{
		{Name: "mount_linprocfs", Type: Bool, Default: "no", Help: "mount a /proc for Linux programs"},
		{Name: "mount_procfs", Type: Bool, Default: "no", Help: "mount /proc"},
	})...)
	all = append(all, group(topicFiles, Works, Later, lackFreeBSD, []Property{
		{Name: "devices", Type: List, Help: "devices of the host that the jail has besides null, zero, full, random, urandom, tty and its own terminals: /dev/fuse"},
	})...)
	for i := range all {
		all[i].When = AtStart
	}
	return append(all, group(topicFiles, Works, Later, lackFreeBSD, []Property{
		{Name: "compression", Needs: ZFS, Help: "how ZFS packs what is written from then on: on, off, gzip, lz4, zstd and what else it knows"},
		{Name: "dedup", Needs: ZFS, Help: "whether ZFS keeps equal blocks once: on, off, verify and what else it knows"},
		{Name: "quota", Type: Size, Needs: ZFS, Help: "how much room the jail may take, with its snapshots"},
		{Name: "reservation", Type: Size, Needs: ZFS, Help: "how much room is set aside for the jail"},
	})...)
}
