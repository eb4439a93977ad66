package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// subr is what a script of rc.d uses of FreeBSD's rc.subr(8), and does what that does: run_rc_command refuses what
// it does not know, does nothing where rcvar is off unless it is asked with one or force, and wants required_files. A script without
// functions of its own has a command with a pidfile, which NAME_program replaces.
const subr = `
checkyesno()
{
	eval _value=\$${1}
	case "${_value}" in
	[Yy][Ee][Ss]|[Tt][Rr][Uu][Ee]|[Oo][Nn]|1) return 0 ;;
	esac
	return 1
}

load_rc_config()
{
	if [ -r "${RC_CONF}" ]; then
		. "${RC_CONF}"
	fi
}

run_rc_command()
{
	_return=0
	_arg="$1"
	rc_fast= rc_force=
	case "${_arg}" in
	fast*) rc_fast=yes; _arg="${_arg#fast}" ;;
	force*) rc_force=yes; _arg="${_arg#force}" ;;
	one*) rc_one=yes; _arg="${_arg#one}" ;;
	esac
	for _known in start stop restart rcvar enable disable delete enabled describe extracommands ${extra_commands} ${pidfile:+status}; do
		if [ "${_known}" != "${_arg}" ]; then
			continue
		fi
		case "${_arg}" in
		rcvar) eval echo "${rcvar}=\\\"\$${rcvar}\\\""; return 0 ;;
		esac
		if [ -z "${rc_force}${rc_one}" ] && ! checkyesno "${rcvar}"; then
			case "${_arg}" in
			start) echo "Cannot '${_arg}' ${name}. Set ${rcvar} to YES in /etc/rc.conf or use 'one${_arg}' instead of '${_arg}'." ;;
			esac
			return 0
		fi
		for _file in ${required_files}; do
			if [ ! -r "${_file}" ] && [ "${_arg}" = start ]; then
				echo "$0: WARNING: ${_file} is not readable." >&2
				[ -n "${rc_force}" ] || return 1
			fi
		done
		eval _cmd=\$${_arg}_cmd
		if [ -n "${_cmd}" ]; then
			eval "${_cmd}"
			return
		fi
		eval "command=\${${name}_program:-${command}}"
		rc_pid=
		if [ -r "${pidfile}" ] && read -r _pid <"${pidfile}" && kill -0 "${_pid}" 2>/dev/null; then
			rc_pid="${_pid}"
		fi
		case "${_arg}${rc_pid:+ running}" in
		"start running") echo "${name} already running? (pid=${rc_pid})."; return 1 ;;
		start) echo "Starting ${name}."; eval "${command} ${command_args}"; return ;;
		"status running") echo "${name} is running as pid ${rc_pid}."; return 0 ;;
		status) echo "${name} is not running."; return 1 ;;
		stop) echo "${name} not running?"; return 1 ;;
		"stop running")
			echo "Stopping ${name}."
			kill -TERM "${rc_pid}"
			while kill -0 "${rc_pid}" 2>/dev/null; do sleep 0.05; done
			return 0 ;;
		esac
		echo "$0: ${_arg} is rc.subr's own" >&2
		return 1
	done
	echo "Usage: $0 [fast|force|one](start|stop|restart|rcvar|${extra_commands})" >&2
	exit 1
}
`

// rc gives what calls a script of contrib/rc.d, where everything else is as rc.subr has it, and what writes rc.conf.
func (at *place) rc(name string) (call func(arg string) (string, int), write func(conf string)) {
	at.t.Helper()
	script, err := os.ReadFile("../../contrib/rc.d/" + name)
	if err != nil {
		at.t.Fatal(err)
	}
	const source = ". /etc/rc.subr\n"
	if strings.Count(string(script), source) != 1 {
		at.t.Fatal("the script does not use rc.subr")
	}
	file, conf := filepath.Join(at.dir, "rc"), filepath.Join(at.dir, "rc.conf")
	at.write(file, strings.Replace(string(script), source, subr, 1), 0o755)
	call = func(arg string) (string, int) {
		at.t.Helper()
		cmd := at.ioc(arg)
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", file, arg}
		cmd.Env = append(environment(at.dir), "RC_CONF="+conf, "IOC_ROOT=")
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			at.t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	return call, func(text string) { at.t.Helper(); at.write(conf, text, 0o644) }
}

// write makes a file for everybody to read.
func (at *place) write(name, text string, mode os.FileMode) {
	at.t.Helper()
	if err := errors.Join(os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode)); err != nil {
		at.t.Fatal(err)
	}
}

// daemon is what the script for the monitor needs of FreeBSD's daemon(8): a process in the background, noted in a file, and
// its output at the end of another.
const daemon = `#!/bin/sh
while getopts fP:R:o: option; do
	case "${option}" in
	P) pidfile="${OPTARG}" ;;
	o) output="${OPTARG}" ;;
	esac
done
shift $((OPTIND - 1))
"$@" </dev/null >>"${output}" 2>&1 &
echo $! >"${pidfile}"
`

// sick makes a jail that is unhealthy from its first check on, and is to be restarted then.
func (at *place) sick(name string) {
	at.t.Helper()
	at.do("create", name, "health=file:/nowhere", "health_interval=1", "health_retries=1", "restart=always")
	at.do("start", name)
}

// TestRcMonitor lets rc(8) begin and end the monitor.
func TestRcMonitor(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		rc, write := at.rc("ioc_monitor")
		file, out, pid := filepath.Join(at.dir, "daemon"), filepath.Join(at.dir, "out"), filepath.Join(at.dir, "pid")
		at.write(file, daemon, 0o755)
		conf := "ioc_program=" + shared.program + "\nioc_root=" + filepath.Join(at.dir, "root") + "\nioc_monitor_program=" + file +
			"\nioc_monitor_log=" + out + "\nioc_monitor_pidfile=" + pid + "\n"
		write(conf)
		step := func(arg, says string, code int) {
			t.Helper()
			if text, got := rc(arg); got != code || !strings.Contains(text, says) {
				t.Fatalf("%s: code %d, want %d, and that it says %q:\n%s", arg, got, code, says, text)
			}
		}
		step("start", "Set ioc_monitor_enable to YES", 0)
		write(conf + "ioc_monitor_enable=YES\n")
		step("status", "is not running", 1)
		at.sick("web")
		if err := syscall.Mkfifo(out, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(out, 0o666); err != nil {
			t.Fatal(err)
		}
		heard, err := os.OpenFile(out, os.O_RDWR, 0) // it has an end only when this test closes it
		if err != nil {
			t.Fatal(err)
		}
		defer heard.Close()
		step("start", "Starting", 0)
		defer rc("stop")
		step("status", "is running as pid", 0)
		step("start", "already running", 1)
		hear(t, heard, "restart web")
		if code, text := at.fails("monitor"); code != 1 || !strings.Contains(text, "one is enough") {
			t.Errorf("a second monitor: %d, %s", code, text)
		}
		step("stop", "Stopping", 0)
		step("status", "is not running", 1)
		step("stop", "not running?", 1)
		if got := at.state("web"); got != "running" {
			t.Errorf("without the monitor the jail is %s", got)
		}
	})
}

// hear reads what is said until a line has that in it.
func hear(t *testing.T, from *os.File, want string) {
	t.Helper()
	if err := from.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(from); lines.Scan(); {
		if said += lines.Text() + "\n"; strings.Contains(lines.Text(), want) {
			return
		}
	}
	t.Fatalf("it does not say %q but\n%s", want, said)
}

// TestRcScript runs the script for FreeBSD's rc(8) with the program, where everything else is as rc.subr has it.
func TestRcScript(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		rc, write := at.rc("ioc")
		conf := "ioc_program=" + shared.program + "\nioc_root=" + filepath.Join(at.dir, "root") + "\n"
		write(conf)
		at.do("create", "db", "boot=yes")
		at.do("create", "web", "boot=yes", "depends=db")
		at.do("create", "other")
		states := func() string { return at.state("db") + " " + at.state("web") + " " + at.state("other") }
		for _, step := range []struct {
			arg    string
			says   string // part of it
			code   int
			states string
		}{
			{"start", "Set ioc_enable to YES", 0, "stopped stopped stopped"},
			{"onestart", "Starting jails", 0, "running running stopped"},
			{"onestatus", "running", 0, "running running stopped"},
			{"onestop", "Stopping jails", 0, "stopped stopped stopped"},
			{"ENABLE", "", 0, "stopped stopped stopped"},
			{"rcvar", `ioc_enable="YES"`, 0, "stopped stopped stopped"},
			{"status", "stopped", 1, "stopped stopped stopped"},
			{"start", "start db web > start db", 0, "running running stopped"},
			{"start", "skipped", 0, "running running stopped"},
			{"restart", "start db web > start db", 0, "running running stopped"},
			{"stop", "stop db web > stop web", 0, "stopped stopped stopped"},
			{"FAIL", "", 0, "stopped stopped stopped"},
			{"start", "exec_start web: exit 3", 1, "running stopped stopped"},
			{"status", "stopped", 1, "running stopped stopped"},
			{"stop", "stop db", 0, "stopped stopped stopped"},
			{"nonsense", "Usage:", 1, "stopped stopped stopped"},
		} {
			var out string
			var code int
			switch step.arg {
			case "ENABLE":
				write(conf + "ioc_enable=YES\n")
			case "FAIL":
				at.do("set", "exec_start=exit 3", "web")
			default:
				out, code = rc(step.arg)
			}
			if got := states(); code != step.code || !strings.Contains(out, step.says) || got != step.states {
				t.Errorf("%s: code %d, want %d; %s, want %s; want it to say %q:\n%s", step.arg, code, step.code, got, step.states, step.says, out)
			}
		}
	})
}

// usual is where the units expect the program.
const usual = "=/usr/bin/ioc "

// verify lets systemd read a unit.
func verify(t *testing.T, name, text string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("left out: ", err)
	}
	unit := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, usual, "="+shared.program+" ")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), name) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSystemdUnit lets systemd read the unit, and runs the commands in it as systemd would.
func TestSystemdUnit(t *testing.T) {
	text, err := os.ReadFile("../../contrib/systemd/ioc.service")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), usual) != 2 {
		t.Fatalf("it does not run %s twice", usual)
	}
	t.Run("verify", func(t *testing.T) { verify(t, "ioc.service", string(text)) })
	everywhere(t, func(t *testing.T, at *place) {
		at.do("create", "db", "boot=yes")
		at.do("create", "other")
		at.do("start", "other")
		for _, step := range []struct{ key, states string }{{"ExecStart", "running running"}, {"ExecStop", "stopped stopped"}} {
			for line := range strings.Lines(string(text)) {
				if args, ok := strings.CutPrefix(strings.TrimSpace(line), step.key+usual); ok {
					if out, err := at.ioc(strings.Fields(args)...).CombinedOutput(); err != nil {
						t.Fatalf("%s: %v: %s", step.key, err, out)
					}
				}
			}
			if got := at.state("db") + " " + at.state("other"); got != step.states {
				t.Errorf("%s: %s, want %s", step.key, got, step.states)
			}
		}
	})
}

// TestSystemdMonitor does so with the unit of the monitor, which is ended as systemd ends it.
func TestSystemdMonitor(t *testing.T) {
	const name = "ioc-monitor.service"
	text, err := os.ReadFile("../../contrib/systemd/" + name)
	if err != nil {
		t.Fatal(err)
	}
	_, command, found := strings.Cut(string(text), "ExecStart"+usual)
	command, _, _ = strings.Cut(command, "\n")
	if !found || strings.Contains(string(text), "KillSignal=") {
		t.Fatal("the unit is not run, or not ended, as this test does it")
	}
	t.Run("verify", func(t *testing.T) { verify(t, name, string(text)) })
	everywhere(t, func(t *testing.T, at *place) {
		at.sick("web")
		cmd := at.ioc(strings.Fields(command)...)
		ours, theirs, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		cmd.Stdout, cmd.Stderr = theirs, theirs
		begin(t, cmd)
		theirs.Close()
		hear(t, ours, "restart web")
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := finish(t, cmd); code != 0 {
			t.Errorf("it ended with %d", code)
		}
		if got := at.state("web"); got != "running" {
			t.Errorf("without the monitor the jail is %s", got)
		}
	})
}
