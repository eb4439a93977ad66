//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func id(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	user, group, groups := new(bool), new(bool), new(bool)
	name, real, zero := new(bool), new(bool), new(bool)
	switch p.Name {
	case "whoami":
		*user, *name = true, true
	case "groups":
		*groups, *name = true, true
	default:
		user = o.Flag("u user", "print the user only")
		group = o.Flag("g group", "print the group only")
		groups = o.Flag("G groups", "print all groups only")
		name = o.Flag("n name", "with these, print names")
		real = o.Flag("r real", "with these, print the real ones, not the effective ones")
		zero = o.Flag("z zero", "end with a zero byte")
	}
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) > 1 {
		return applet.Usagef("one user is enough")
	}
	var names account.Names
	uid, gid := os.Geteuid(), os.Getegid()
	if *real {
		uid, gid = os.Getuid(), os.Getgid()
	}
	var all []int
	if len(args) == 1 {
		u, err := names.User(args[0])
		if err != nil {
			return err
		}
		uid, gid, all = u.UID, u.GID, names.GroupsOf(u)
	} else {
		extra, err := os.Getgroups()
		if err != nil {
			return err
		}
		all = append([]int{gid}, deleteInt(extra, gid)...)
	}
	userText, groupText := strconv.Itoa, strconv.Itoa
	if *name {
		userText, groupText = names.UserName, names.GroupName
	}
	end := "\n"
	if *zero {
		end = "\x00"
	}
	list := func() string {
		words := make([]string, len(all))
		for i, g := range all {
			words[i] = groupText(g)
		}
		return strings.Join(words, " ")
	}
	switch {
	case *user:
		p.Printf("%s%s", userText(uid), end)
	case *group:
		p.Printf("%s%s", groupText(gid), end)
	case *groups:
		p.Printf("%s%s", list(), end)
	default:
		p.Printf("uid=%s gid=%s groups=", withName(uid, userName(&names, uid)), withName(gid, groupName(&names, gid)))
		for i, g := range all {
			if i > 0 {
				p.Printf(",")
			}
			p.Printf("%s", withName(g, groupName(&names, g)))
		}
		p.Printf("\n")
	}
	return nil
}

func deleteInt(list []int, n int) []int {
	var out []int
	for _, v := range list {
		if v != n {
			out = append(out, v)
		}
	}
	return out
}

func userName(names *account.Names, uid int) string {
	u, _ := names.ByUID(uid)
	return u.Name
}

func groupName(names *account.Names, gid int) string {
	name, _ := names.ByGID(gid)
	return name
}

// withName is "0(root)", or "0" if there is no name.
func withName(n int, name string) string {
	if name == "" {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d(%s)", n, name)
}

func su(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	command, shell := new(string), new(string)
	login, keep := false, new(bool)
	force := new(string)
	if p.Name == "login" {
		force = o.String("f", "USER", "", "who to log in")
		keep = o.Flag("p", "keep the environment")
		login = true
	} else {
		command = o.String("c command", "COMMAND", "", "run COMMAND in the shell")
		shell = o.String("s shell", "SHELL", "", "use SHELL")
		o.Func("l login", "", "start a login shell in the user's home (also: a single -)", func(string) error { login = true; return nil })
		keep = o.Flag("m preserve-environment", "keep the environment")
		o.Func("p", "", "", func(string) error { *keep = true; return nil })
		o.Note("Only root can become somebody else: there are no passwords here.")
	}
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "-" {
		login = true
		args = args[1:]
	}
	name := "root"
	switch {
	case *force != "":
		name = *force
	case p.Name == "login":
		return applet.Usagef("-f USER is needed")
	case len(args) > 0:
		name, args = args[0], args[1:]
	}
	var names account.Names
	u, err := names.User(name)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 && u.UID != os.Getuid() {
		return errors.New("only root can become somebody else")
	}
	if *shell == "" {
		*shell = u.Shell
	}
	if *shell == "" {
		*shell = "/bin/sh"
	}
	if os.Geteuid() == 0 {
		if err := becomeUser(u, names.GroupsOf(u)); err != nil {
			return err
		}
	}
	argv0 := *shell
	environ := p.Env
	if login {
		argv0 = "-" + baseName(*shell)
		if err := os.Chdir(u.Home); err != nil {
			p.Errorf("%s: %s", u.Home, applet.Reason(err))
			os.Chdir("/")
		}
		if !*keep {
			environ = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=" + p.Getenv("TERM")}
		}
	}
	if !*keep {
		environ = setEnv(environ, "HOME", u.Home, "SHELL", *shell, "USER", u.Name, "LOGNAME", u.Name)
	}
	argv := []string{argv0}
	if *command != "" {
		argv = append(argv, "-c", *command)
	}
	return fmt.Errorf("%s: %w", *shell, unix.Exec(*shell, append(argv, args...), environ))
}

func becomeUser(u account.User, groups []int) error {
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	if err := syscall.Setgid(u.GID); err != nil {
		return fmt.Errorf("set group %d: %w", u.GID, err)
	}
	if err := syscall.Setuid(u.UID); err != nil {
		return fmt.Errorf("set user %d: %w", u.UID, err)
	}
	return nil
}

// setEnv returns the environment with names set to values.
func setEnv(environ []string, pairs ...string) []string {
	var out []string
next:
	for _, kv := range environ {
		for i := 0; i < len(pairs); i += 2 {
			if strings.HasPrefix(kv, pairs[i]+"=") {
				continue next
			}
		}
		out = append(out, kv)
	}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, pairs[i]+"="+pairs[i+1])
	}
	return out
}
