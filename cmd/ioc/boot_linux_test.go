package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// subr is what a script of rc.d uses of FreeBSD's rc.subr(8), and does what that does: run_rc_command refuses what
// it does not know, does nothing where rcvar is off unless it is asked with one or force, and wants required_files.
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
	for _known in start stop restart rcvar enable disable delete enabled describe extracommands ${extra_commands}; do
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
		echo "$0: ${_arg} is rc.subr's own" >&2
		return 1
	done
	echo "Usage: $0 [fast|force|one](start|stop|restart|rcvar|${extra_commands})" >&2
	exit 1
}
`

// TestRcScript runs the script for FreeBSD's rc(8) with the program, where everything else is as rc.subr has it.
func TestRcScript(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		script, err := os.ReadFile("../../contrib/rc.d/ioc")
		if err != nil {
			t.Fatal(err)
		}
		const source = ". /etc/rc.subr\n"
		if strings.Count(string(script), source) != 1 {
			t.Fatal("the script does not use rc.subr")
		}
		file, conf := filepath.Join(at.dir, "rc"), filepath.Join(at.dir, "rc.conf")
		write := func(name, text string, mode os.FileMode) {
			t.Helper()
			if err := errors.Join(os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode)); err != nil {
				t.Fatal(err)
			}
		}
		write(file, strings.Replace(string(script), source, subr, 1), 0o755)
		write(conf, "ioc_program="+shared.program+"\nioc_root="+filepath.Join(at.dir, "root")+"\n", 0o644)
		rc := func(arg string) (string, int) {
			t.Helper()
			cmd := at.ioc(arg)
			cmd.Path, cmd.Args = "/bin/sh", []string{"sh", file, arg}
			cmd.Env = append(environment(at.dir), "RC_CONF="+conf, "IOC_ROOT=")
			out, err := cmd.CombinedOutput()
			if err != nil && cmd.ProcessState == nil {
				t.Fatal(err)
			}
			return string(out), cmd.ProcessState.ExitCode()
		}
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
				text, err := os.ReadFile(conf)
				if err != nil {
					t.Fatal(err)
				}
				write(conf, string(text)+"ioc_enable=YES\n", 0o644)
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

// TestSystemdUnit lets systemd read the unit, and runs the commands in it as systemd would.
func TestSystemdUnit(t *testing.T) {
	const usual = "=/usr/bin/ioc "
	text, err := os.ReadFile("../../contrib/systemd/ioc.service")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), usual) != 2 {
		t.Fatalf("it does not run %s twice", usual)
	}
	t.Run("verify", func(t *testing.T) {
		analyze, err := exec.LookPath("systemd-analyze")
		if err != nil {
			t.Skip("left out: ", err)
		}
		unit := filepath.Join(t.TempDir(), "ioc.service")
		if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), usual, "="+shared.program+" ")), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
		if err != nil || strings.Contains(string(out), "ioc.service") {
			t.Errorf("%v: %s", err, out)
		}
	})
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
