//go:build linux

package process

import "github.com/libioc/ioc/userland/internal/applet"

// Applets lists the package's applets.
func Applets() []applet.Applet {
	return []applet.Applet{
		{Name: "arch", About: "Print the machine's architecture.", Run: uname},
		{Name: "chroot", Args: "[OPTION]... DIRECTORY [COMMAND [ARG]...]", About: "Run a command with another root directory.", Run: chroot, Alone: true},
		{Name: "clear", About: "Clear the screen.", Run: clearScreen},
		{Name: "date", Args: "[OPTION]... [+FORMAT]", About: "Print or set the time.", Run: date},
		{Name: "dmesg", Args: "[OPTION]...", About: "Print the kernel's messages.", Run: dmesg},
		{Name: "env", Args: "[OPTION]... [NAME=VALUE]... [COMMAND [ARG]...]", About: "Run a command in a changed environment, or print the environment.", Run: env},
		{Name: "false", About: "Do nothing, without success.", Run: falseApplet},
		{Name: "free", Args: "[OPTION]...", About: "Show how much memory is used.", Run: free},
		{Name: "groups", Args: "[USER]", About: "Print the groups of a user.", Run: id},
		{Name: "hostname", Args: "[OPTION]... [NAME]", About: "Print or set the host's name.", Run: hostname},
		{Name: "id", Args: "[OPTION]... [USER]", About: "Print who you are.", Run: id},
		{Name: "kill", Args: "[-SIGNAL] PID...", About: "Send a signal to processes.", Run: kill},
		{Name: "killall", Args: "[-SIGNAL] NAME...", About: "Send a signal to the processes with a name.", Run: killall},
		{Name: "less", Args: "[FILE]...", About: "Show text one screen at a time; the same as more.", Run: more, Alone: true},
		{Name: "login", Args: "-f USER", About: "Start a login shell as a user, without asking for a password.", Run: su, Alone: true},
		{Name: "more", Args: "[FILE]...", About: "Show text one screen at a time.", Run: more, Alone: true},
		{Name: "mount", Args: "[OPTION]... [SOURCE] [DIRECTORY]", About: "Mount a file system, or list what is mounted.", Run: mount},
		{Name: "mountpoint", Args: "[OPTION]... DIRECTORY", About: "Tell whether something is mounted on a directory.", Run: mountpoint},
		{Name: "nice", Args: "[-n N] [COMMAND [ARG]...]", About: "Run a command with another priority.", Run: nice, Alone: true},
		{Name: "nohup", Args: "COMMAND [ARG]...", About: "Run a command that outlives its terminal.", Run: nohup, Alone: true},
		{Name: "nproc", Args: "[OPTION]...", About: "Print the number of processors that may be used.", Run: nproc},
		{Name: "pgrep", Args: "[OPTION]... PATTERN", About: "Find processes by their name.", Run: pgrep},
		{Name: "pidof", Args: "[OPTION]... NAME...", About: "Print the processes with a name.", Run: pidof},
		{Name: "pkill", Args: "[-SIGNAL] [OPTION]... PATTERN", About: "Send a signal to processes found by their name.", Run: pgrep},
		{Name: "printenv", Args: "[NAME]...", About: "Print the environment.", Run: printenv},
		{Name: "ps", Args: "[OPTION]...", About: "Show processes.", Run: ps},
		{Name: "reset", About: "Make the terminal usable again.", Run: reset},
		{Name: "setsid", Args: "COMMAND [ARG]...", About: "Run a command in a session of its own.", Run: setsid, Alone: true},
		{Name: "sleep", Args: "TIME...", About: "Wait. A TIME is in seconds, or ends with s, m, h or d.", Run: sleep},
		{Name: "stty", Args: "[OPTION]... [SETTING]...", About: "Print or change the settings of a terminal.", Run: stty},
		{Name: "su", Args: "[OPTION]... [USER [ARG]...]", About: "Run a shell as another user.", Run: su, Alone: true},
		{Name: "sysctl", Args: "[OPTION]... [NAME[=VALUE]]...", About: "Print or change settings of the kernel.", Run: sysctl},
		{Name: "time", Args: "COMMAND [ARG]...", About: "Run a command and tell how long it took.", Run: timeCommand},
		{Name: "timeout", Args: "[OPTION]... TIME COMMAND [ARG]...", About: "Run a command and end it if it takes too long.", Run: timeout, Alone: true},
		{Name: "top", Args: "[OPTION]...", About: "Show processes, and keep showing them.", Run: top, Alone: true},
		{Name: "true", About: "Do nothing, with success.", Run: trueApplet},
		{Name: "tty", Args: "[OPTION]...", About: "Print the name of the terminal.", Run: tty},
		{Name: "umount", Args: "[OPTION]... DIRECTORY...", About: "Unmount file systems.", Run: umount},
		{Name: "uname", Args: "[OPTION]...", About: "Print what the system is.", Run: uname},
		{Name: "unshare", Args: "[OPTION]... [COMMAND [ARG]...]", About: "Run a command in namespaces of its own.", Run: unshare, Alone: true},
		{Name: "uptime", Args: "[OPTION]...", About: "Tell how long the system has been running.", Run: uptime},
		{Name: "watch", Args: "[OPTION]... COMMAND [ARG]...", About: "Run a command again and again.", Run: watch, Alone: true},
		{Name: "whoami", About: "Print your name.", Run: id},
		{Name: "xargs", Args: "[OPTION]... [COMMAND [ARG]...]", About: "Run a command with arguments from standard input.", Run: xargs},
	}
}
