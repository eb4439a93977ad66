package linuxns

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/sandbox"
)

// host is what the driver knows of the machine. It is read once, and what only some ask for when they do.
type host struct {
	boot       string
	privileged bool // CAP_SYS_ADMIN over the mounts one sees
	lastCap    int
	modern     bool // has mount_setattr(2), the newest call that nothing works without
	groups     func() *groups
	helpers    func() *idHelpers // of users who are not privileged
}

func lookAtHost() *host {
	h := &host{
		boot:       bootID(),
		privileged: ownCapabilities()&bit(unix.CAP_SYS_ADMIN) != 0,
		lastCap:    unix.CAP_LAST_CAP,
	}
	if n, ok := readNumber("/proc/sys/kernel/cap_last_cap"); ok {
		h.lastCap = int(n)
	}
	err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{})
	h.modern = !errors.Is(err, unix.ENOSYS)
	h.groups = sync.OnceValue(func() *groups {
		g := findGroups(h.privileged)
		return &g
	})
	h.helpers = sync.OnceValue(func() *idHelpers {
		if h.privileged {
			return &idHelpers{}
		}
		helpers := findIDHelpers()
		return &helpers
	})
	return h
}

// readNumber reads a file that holds one number.
func readNumber(path string) (int64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}

// Features says what this host can do.
func (d *Driver) Features() sandbox.Features {
	h := d.host()
	f := sandbox.Features{Overlay: true, Why: map[string]string{}}
	set := func(name string, field *bool, ok bool, why string) {
		if *field = ok; !ok {
			f.Why[name] = why
		}
	}
	set("Privileged", &f.Privileged, h.privileged, "not root: jails get a user namespace of their own")
	limit, known := readNumber("/proc/sys/user/max_user_namespaces")
	set("UserNamespaces", &f.UserNamespaces, known && limit > 0, "the kernel allows no user namespaces (user.max_user_namespaces)")
	set("IDRanges", &f.IDRanges, h.privileged || h.helpers().usable(), h.helpers().why())
	for _, c := range []struct {
		name  string
		field *bool
		ctl   string
	}{
		{"Memory", &f.Memory, "memory"},
		{"PIDs", &f.PIDs, "pids"},
		{"CPU", &f.CPU, "cpu"},
		{"CPUSet", &f.CPUSet, "cpuset"},
		{"IO", &f.IO, "io"},
		{"Swap", &f.Swap, "swap"},
	} {
		_, why := h.groups().can(c.ctl)
		set(c.name, c.field, why == "", why)
	}
	set("IPC", &f.IPC, ipcWhy() == "", ipcWhy())
	set("Freeze", &f.Freeze, h.groups().unified.base != "", h.groups().missing)
	return f
}
