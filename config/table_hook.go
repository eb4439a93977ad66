package config

// hooks are commands that are run when something happens to a jail, and how commands are run.
func hooks() []Property {
	all := group(topicHook, Works, Later, lackFreeBSD, []Property{
		{Name: "exec_clean", Type: Bool, Default: "yes", Help: "exec_start and exec_stop do not see the environment of who starts or stops the jail"},
		{Name: "exec_created", When: AtStart, Help: "shell command that is run on the host when the jail is there and nothing runs in it; the start fails with it"},
		{Name: "exec_jail_user", Default: "root", Help: "the user that commands run as in the jail"},
		{Name: "exec_poststart", When: AtStart, Help: "shell command that is run on the host when the jail has been started; the start fails with it"},
		{Name: "exec_poststop", When: AtStart, Help: "shell command that is run on the host when the jail has been stopped, or its start was taken back"},
		{Name: "exec_prestart", When: AtStart, Help: "shell command that is run on the host before the jail is started; the start fails with it"},
		{Name: "exec_prestop", Help: "shell command that is run on the host before the jail is stopped"},
		{Name: "exec_start", When: AtStart, Help: "shell command that is run in the jail when it has been started; the start fails with it"},
		{Name: "exec_stop", Help: "shell command that is run in the jail before it is stopped"},
		{Name: "exec_timeout", Type: Seconds, Default: "600", Help: "how long each of these commands may take; then it is killed, with all that it started"},
	})
	all = append(all, group(topicHook, Never, Later, "Linux has no numbered routing tables for processes", []Property{
		{Name: "exec_fib", Type: Int, Default: "1", When: AtStart, Help: "the routing table that commands use"},
	})...)
	return append(all, group(topicHook, Never, Later, "Linux has no login classes, and a console is a login shell", []Property{
		{Name: "login_flags", Default: "-f root", Help: "options of login(1) for a console"},
	})...)
}
