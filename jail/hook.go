package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Hook is the payload of a configured command: exec_start and exec_stop are run in the jail, the others on the host.
type Hook struct {
	Subject
	Property string // exec_prestart, exec_created, exec_start, exec_poststart, exec_prestop, exec_stop, exec_poststop
	Command  string // a line for the shell
}

// EventType is jail.hook.
func (*Hook) EventType() string { return "jail.hook" }

// EventTitle is for people.
func (p *Hook) EventTitle() string { return p.Property + ": " + p.Command }

// AppendAttrs lists property and command.
func (p *Hook) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("property", p.Property), slog.String("command", p.Command))
}

// hook runs the command that a property holds, if any, with the jail's shell, and waits for its end as
// long as exec_timeout says. Another exit code than 0 is an error. What it says goes into the stream. What it leaves
// running is the jail's.
func (k *Keeper) hook(s events.Step, i *Info, state sandbox.State, env surroundings, property string) error {
	command := i.value(property)
	if command == "" {
		return nil
	}
	h := &Hook{Subject{i.Name}, property, command}
	return s.Do(h, func(s events.Step) error {
		bound := i.seconds("exec_timeout")
		ctx, cancel := context.WithTimeout(s.Context(), bound)
		defer cancel()
		console, err := openConsole(i, property, k.Now())
		if err != nil {
			return refused(property, i.Name, err)
		}
		defer console.Close() //nolint:errcheck // of a nil one, and of a log whose last words are not ours
		env, err := k.clean(i, env())
		if err != nil {
			return refused(property, i.Name, err)
		}
		process := sandbox.Process{Args: []string{"/bin/sh", "-c", command}, Env: env, User: i.user()}
		i.confine(&process)
		exit, err := k.heard(ctx, s, i.Name, state, process, property == "exec_start", console)
		switch {
		case err != nil:
			return late(ctx, h, bound, err)
		case exit.Status() != 0 || !exit.Known:
			return fault.New(property, fault.Unknown, string(i.Name), errors.New(exit.String()))
		}
		s.Result(exit)
		return nil
	})
}

// clean is the environment of commands in the jail: env alone, or, where exec_clean is off, what is added to the caller's.
func (k *Keeper) clean(i *Info, env []string) ([]string, error) {
	env = slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, "PATH=") }) // it is the host's
	if i.value("exec_clean") != "no" {
		return env, nil
	}
	if k.Environ == nil {
		return nil, fault.New("exec_clean", fault.Internal, string(i.Name), errors.New("the caller's environment is not known"))
	}
	callers := slices.DeleteFunc(k.Environ(), func(e string) bool { return strings.IndexByte(e, '=') <= 0 })
	return append(callers, env...), nil
}

// hostPath is where commands on the host find programs, whatever the caller's PATH is.
const hostPath = "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

// surroundings give an environment, which is put together when the first command is run: most jails have none.
type surroundings func() []string

// environment is what commands are told, on the host and in the jail: every property that holds as IOC_ and its name in
// capitals, the jail's name, and, as far as there is one, its root directory and its number.
func (k *Keeper) environment(i *Info, root func() string, state sandbox.State) surroundings {
	return sync.OnceValue(func() []string { return k.surround(i, root(), state) })
}

func (k *Keeper) surround(i *Info, root string, state sandbox.State) []string {
	env := []string{hostPath, "IOC_ID=" + string(i.Name), "IOC_NAME=" + string(i.Name)}
	set := func(name, value string) {
		if value != "" && strings.IndexByte(value, 0) < 0 {
			env = append(env, "IOC_"+variable(name)+"="+value)
		}
	}
	var names []string
	for _, p := range config.Known() {
		names = append(names, p.Name)
	}
	for _, d := range []*config.Data{i.Config, i.Default} {
		names = append(names, d.Keys()...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name != "id" && name != "name" {
			value, _ := i.Property(name)
			set(name, value)
		}
	}
	if p, ok := k.Sandbox.(sandbox.Pather); ok && root == "" {
		root = p.RootPath(state)
	}
	set("jail_path", root)
	if state.PID != 0 {
		set("jid", strconv.Itoa(state.PID))
	}
	return env
}

// variable makes a name of the environment of a property's.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' {
			return '_'
		}
		return r
	}, strings.ToUpper(name))
}

// heard runs a process in a jail until it ends and puts into the stream what it says. stays: the jail runs on
// when it has ended. What is heard is written to console, too, if that is not nil.
func (k *Keeper) heard(ctx context.Context, s events.Step, name Name, state sandbox.State, process sandbox.Process, stays bool, console *os.File) (sandbox.Exit, error) {
	l, err := listen()
	if err != nil {
		return sandbox.Exit{}, err
	}
	l.log = console
	defer l.close()
	p, err := k.join(s, state, ExecOptions{Process: process, Stdio: sandbox.Stdio{Out: l.w, Err: l.w}})
	if err != nil {
		return sandbox.Exit{}, err
	}
	if err := l.w.Close(); err != nil {
		return sandbox.Exit{}, err
	}
	exit, err := accompany(ctx, s, p, ExecOptions{}, l)
	if err != nil || exit.Status() != 0 || !l.held || !stays {
		return exit, err
	}
	// A process that was left running writes where nobody will read, and would be killed for it. Another one
	// in the jail reads instead, as long as the jail runs and there is somebody left to write. It keeps what comes
	// first, so that no jail can fill the host by talking.
	if err := s.Retain(Key(name)); err != nil {
		return exit, err
	}
	_, err = k.join(s, state, ExecOptions{
		Process: sandbox.Process{Args: []string{"/bin/sh", "-c", fmt.Sprintf("head -c %d; exec cat >/dev/null", consoleMax)}},
		Stdio:   sandbox.Stdio{In: l.r, Out: console},
	})
	return exit, err
}

// user is who commands run as.
func (i *Info) user() sandbox.User {
	if name := i.value("exec_jail_user"); name != "root" {
		return sandbox.User{Name: name}
	}
	return sandbox.User{}
}
