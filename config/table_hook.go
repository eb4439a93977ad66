package config

// hooks are commands that are run when something happens to a jail, and how commands are run.
func hooks() []Property {
	all := group(topicHook, Works, Later, lackFreeBSD, []Property{
		{Name: "exec_jail_user", Default: "root", Help: "the user that commands run as in the jail"},
		{Name: "exec_start", When: AtStart, Help: "shell command that is run in the jail when it has been started; the start fails with it"},
		{Name: "exec_stop", Help: "shell command that is run in the jail before it is stopped"},
		{Name: "exec_timeout", Type: Seconds, Default: "600", Help: "how long exec_start and exec_stop may take"},
	})
	all = append(all, group(topicHook, Later, Later, "ioc runs no commands on the host", []Property{
		{Name: "exec_created", When: AtStart, Help: "shell command on the host when the jail has been made in the kernel and nothing runs in it"},
		{Name: "exec_poststart", When: AtStart, Help: "shell command on the host when the jail has been started"},
		{Name: "exec_poststop", Help: "shell command on the host when the jail has been stopped"},
		{Name: "exec_prestart", When: AtStart, Help: "shell command on the host before the jail is started"},
		{Name: "exec_prestop", Help: "shell command on the host before the jail is stopped"},
	})...)
	all = append(all, group(topicHook, Later, Later, "commands in a jail always begin with an environment of their own", []Property{
		{Name: "exec_clean", Type: Bool, Default: "yes", Help: "commands in the jail begin with an empty environment"},
	})...)
	all = append(all, group(topicHook, Later, Later, "ioc starts jails one by one", []Property{
		{Name: "depends", When: AtStart, Help: "the jails to start first, as selectors separated by blanks"},
	})...)
	all = append(all, group(topicHook, Never, Later, "Linux has no numbered routing tables for processes", []Property{
		{Name: "exec_fib", Type: Int, Default: "1", When: AtStart, Help: "the routing table that commands use"},
	})...)
	return append(all, group(topicHook, Never, Later, "Linux has no login classes, and a console is a login shell", []Property{
		{Name: "login_flags", Default: "-f root", Help: "options of login(1) for a console"},
	})...)
}
