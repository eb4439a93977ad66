package vethbridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
)

// state is the directory in which all roots of the machine note who uses what of one network namespace. It is of
// one boot and of one namespace, and gone with the last jail.
//
//	lock                         held while something is changed that several use
//	bridges/NAME/users/START.NIC a link to what this one needs of the bridge: see user
//	bridges/NAME/leases/ADDRESS  a link to who has the address: see holder
//	bridges/NAME/hosts+SET       the hosts file of the jails that are on all bridges of SET
//	forward/KIND.START           a link to which jail needs the host to forward packets of a kind
//	forward/KIND                 a link to what the kernel's switch said before
//	ports/PROTOCOL-PORT          a link to whom a port of the host leads to
//
// A link is made with its content at once, or not, and never twice under one name: that is why notes are links.
type state string

// stateOf gives the directory of this process's network namespace below base.
func stateOf(base, boot string) (state, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	// A number that no other namespace has until the next boot; an inode's would be used again.
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil { // before Linux 5.14
		var st unix.Stat_t
		if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
			return "", err
		}
		cookie = st.Ino
	}
	return state(filepath.Join(base, fmt.Sprintf("%.8s-%d", boot, cookie))), nil
}

func (d state) bridge(name string) string { return filepath.Join(string(d), "bridges", name) }
func (d state) users(name string) string  { return filepath.Join(d.bridge(name), "users") }
func (d state) leases(name string) string { return filepath.Join(d.bridge(name), "leases") }

// lockPatience bounds the waiting for others, who hold the lock for some milliseconds.
const lockPatience = time.Minute

// with does something under the lock, and takes away the directory afterwards if nothing is in it any more.
func (d state) with(ctx context.Context, do func() error) error {
	f, err := d.lock(ctx)
	if err != nil {
		return fault.New("lock", kindOf(err), string(d), bare(err))
	}
	defer f.Close()
	err = do()
	d.prune()
	return err
}

func (d state) lock(ctx context.Context) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	path := filepath.Join(string(d), "lock")
	for pause := time.Millisecond; ; {
		err := os.MkdirAll(string(d), 0o700)
		var f *os.File
		if err == nil {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was taken away just now
		}
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && isCurrent(f) {
			return f, nil
		}
		_ = f.Close() // nothing was written
		switch {
		case err == nil:
			continue
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
		pause = min(2*pause, 16*time.Millisecond)
	}
}

func isCurrent(f *os.File) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(open, named)
}

// prune removes what is empty. The lock is the last to go, and its holder's to remove.
func (d state) prune() {
	for _, dir := range []string{"bridges", "forward", "ports"} {
		_ = os.Remove(filepath.Join(string(d), dir)) // fails while there is something in it
	}
	entries, err := os.ReadDir(string(d))
	if err == nil && len(entries) == 1 {
		_ = os.Remove(filepath.Join(string(d), "lock")) // if not, it is there for the next
		_ = os.Remove(string(d))
		_ = os.Remove(filepath.Dir(string(d))) // fails while another network namespace has jails
	}
}

// user is what one interface needs of its bridge, as its link says.
type user struct {
	set     string   // the bridges of its jail: bridge0+bridge1
	routers []string // the addresses that the bridge is to have, if ioc made it
}

func (u user) String() string { return strings.Join(append([]string{u.set}, u.routers...), " ") }

// usersOf gives the users of a bridge by their names.
func (d state) usersOf(bridge string) (map[string]user, error) {
	links, err := readLinks(d.users(bridge))
	all := map[string]user{}
	for name, text := range links {
		f := strings.Fields(text)
		if len(f) == 0 {
			return nil, fault.New("read", fault.Corrupt, filepath.Join(d.users(bridge), name), fmt.Errorf("%q", text))
		}
		all[name] = user{f[0], f[1:]}
	}
	return all, err
}

// use notes, or notes again, what an interface needs of its bridge.
func (d state) use(bridge, name string, u user) error {
	if err := os.MkdirAll(d.users(bridge), 0o700); err != nil {
		return err
	}
	draft := filepath.Join(d.bridge(bridge), "draft")
	if err := remove(draft); err != nil {
		return err
	}
	if err := os.Symlink(u.String(), draft); err != nil {
		return err
	}
	return os.Rename(draft, filepath.Join(d.users(bridge), name))
}

// leave takes that note away.
func (d state) leave(bridge, name string) error {
	if err := remove(filepath.Join(d.users(bridge), name)); err != nil {
		return err
	}
	left, err := os.ReadDir(d.users(bridge))
	if len(left) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The last one takes all of it along but leases, which are their holders' to remove.
	files, err := filepath.Glob(filepath.Join(d.bridge(bridge), "hosts+*"))
	for _, path := range append(files, filepath.Join(d.bridge(bridge), "draft")) {
		err = errors.Join(err, remove(path))
	}
	for _, dir := range []string{d.users(bridge), d.leases(bridge), d.bridge(bridge)} {
		_ = os.Remove(dir) // fails while there is something in it
	}
	return err
}

// readLinks gives the links of a directory. One that is not there has none.
func readLinks(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	all := map[string]string{}
	for _, e := range entries {
		text, err := os.Readlink(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // its holder has just let it go
		}
		if err != nil {
			return nil, err
		}
		all[e.Name()] = text
	}
	return all, err
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// setOf is the name of a set of bridges.
func setOf(bridges []string) string {
	all := slices.Sorted(slices.Values(bridges))
	return strings.Join(slices.Compact(all), "+")
}

// hostsFile is where the hosts file of a set of bridges is: with the first of them, which all its jails are users of.
func (d state) hostsFile(set string) string {
	first, _, _ := strings.Cut(set, "+")
	return filepath.Join(d.bridge(first), "hosts+"+set)
}
