package config

// The topics that properties belong to, in the order in which people read about them.
const (
	topicJail      = "The jail"
	topicLimit     = "Limits"
	topicHook      = "Commands"
	topicNetwork   = "Network"
	topicFiles     = "Files and mounts"
	topicHost      = "Host and origin"
	topicParameter = "Parameters of FreeBSD's jails"
)

// Topics lists the headings of the table.
func Topics() []string {
	return []string{topicJail, topicLimit, topicHook, topicNetwork, topicFiles, topicHost, topicParameter}
}

// lackFreeBSD is why what works on Linux does not on FreeBSD.
const lackFreeBSD = "ioc does not run on FreeBSD yet"

// group completes properties of one topic that have the same support.
func group(topic string, linux, freebsd Support, lack string, all []Property) []Property {
	for i := range all {
		all[i].Topic, all[i].Linux, all[i].FreeBSD, all[i].Lack = topic, linux, freebsd, lack
		if all[i].Default == "" {
			all[i].Default = None
		}
	}
	return all
}

// jails are about a jail as such.
func jails() []Property {
	return group(topicJail, Works, Later, lackFreeBSD, []Property{
		{Name: "boot", Type: Bool, Default: "no", Help: "start the jail when the host boots: ioc start --rc"},
		{Name: "depends", Help: "the jails that are started before this one, as selectors separated by blanks"},
		{Name: "health", Help: "what a running jail is checked for by ioc monitor and ioc health: tcp:PORT, file:PATH or exec:COMMAND"},
		{Name: "health_interval", Type: Seconds, Default: "30", Help: "the time between two checks"},
		{Name: "health_retries", Type: Count, Default: "3", Help: "how many checks in a row have to fail until the jail is unhealthy"},
		{Name: "health_start_period", Type: Seconds, Default: "0", Help: "how long checks that fail do not count, from the start on or until one succeeds"},
		{Name: "health_timeout", Type: Seconds, Default: "30", Help: "how long is waited for the answer of a check; then it has failed"},
		{Name: "host_hostname", Type: Hostname, When: AtStart, Help: "the jail's host name; none: its own name"},
		{Name: "notes", Help: "a remark for people"},
		{Name: "priority", Type: Int, Default: "0", Help: "the order in which jails are started: lower ones first"},
		{Name: "ready", When: AtStart, Help: "what is waited for when the jail has been started: tcp:PORT, file:PATH or exec:COMMAND"},
		{Name: "ready_timeout", Type: Seconds, Default: "60", When: AtStart, Help: "how long is waited for what ready says; then the start fails"},
		{Name: "release", When: AtCreation, Help: "the release that the jail was made from"},
		{Name: "restart", Default: "no", Help: "when ioc monitor restarts a jail that nobody has stopped: no; on-failure, if it died or is unhealthy; always, also if it ended by itself"},
		{Name: "restart_limit", Type: Count, Help: "how often ioc monitor restarts a jail that does not run for a minute; none: again and again"},
		{Name: "stop_timeout", Type: Seconds, Default: "30", Help: "how long the jail's processes have to end when it is stopped; 0: they are killed at once"},
		{Name: "tags", Type: List, Help: "words to choose jails by"},
		{Name: "template", Type: Bool, Default: "no", Help: "the jail is there to be cloned"},
	})
}

// hosts tell where a jail comes from and where it may run.
func hosts() []Property {
	return append(
		group(topicHost, Later, Later, "ioc does not tell hosts apart yet", []Property{
			{Name: "host_domainname", When: AtStart, Default: "local", Help: "the jail's NIS domain name"},
			{Name: "host_hostuuid", When: AtStart, Help: "the UUID of the host that the jail sees"},
			{Name: "hostid", When: AtStart, Help: "the UUID of the host that the jail was made on"},
			{Name: "hostid_strict_check", Type: Bool, Default: "no", When: AtStart, Help: "do not start on another host"},
			{Name: "provision.method", When: AtCreation, Help: "how the jail is furnished: ix or puppet"},
			{Name: "provision.rev", Default: "master", When: AtCreation, Help: "the revision of provision.source"},
			{Name: "provision.source", When: AtCreation, Help: "where the jail's furniture comes from"},
		}),
		group(topicHost, Never, Never, "it is what older tools noted, and libioc does nothing with it", []Property{
			{Name: "clonejail", Type: Bool, Default: "no", When: AtCreation, Help: "the jail was cloned"},
			{Name: "legacy", Type: Bool, Default: "no", When: AtCreation, Help: "the configuration was an older tool's"},
			{Name: "tag", Help: "the first of tags"},
			{Name: "type", When: AtCreation, Help: "what kind of a jail it is"},
		})...,
	)
}
