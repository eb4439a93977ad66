package vethbridge

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

// resolvConf is where programs look for name servers.
const resolvConf = "/etc/resolv.conf"

// systemdResolv is where systemd-resolved writes the name servers that it asks itself; in the usual place it names
// itself, on the host's loopback.
const systemdResolv = "/run/systemd/resolve/resolv.conf"

// Files is the effect that writes what a jail sees in the place of its resolv.conf.
type Files struct {
	Dir    string // of this start alone
	Shared bool   // the jail has the host's network stack

	from  network.Resolver
	usual string
}

var _ events.Effect = (*Files)(nil)

// EventType is network.files.
func (f *Files) EventType() string { return "network.files" }

// EventKey is the directory's name.
func (f *Files) EventKey() string { return filepath.Base(f.Dir) }

// EventTitle is for people.
func (f *Files) EventTitle() string { return "write resolv.conf" }

// Volatile is true: it is for a running jail.
func (f *Files) Volatile() bool { return true }

func (f *Files) resolv() string { return filepath.Join(f.Dir, "resolv.conf") }

// Do writes them.
func (f *Files) Do(context.Context) error {
	text, err := f.text()
	if err == nil {
		err = os.MkdirAll(f.Dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(f.resolv(), []byte(text), 0o644) //nolint:gosec // for all users of the jail
	}
	return failed("write", "resolv.conf of the jail", err)
}

func (f *Files) text() (string, error) {
	if len(f.from.Servers) > 0 {
		var b strings.Builder
		for _, s := range f.from.Servers {
			b.WriteString("nameserver " + s + "\n")
		}
		return b.String(), nil
	}
	path := f.from.Path
	if path == resolvConf {
		path = cmp.Or(f.usual, path)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && f.from.Path == resolvConf {
		return "", nil // a host without name servers
	}
	if err != nil {
		return "", fault.New("read", kindOf(err), path, bare(err)).WithRemedy("name another file, or name servers: ioc set resolver=ADDRESS")
	}
	if f.Shared {
		return string(text), nil
	}
	kept, servers := reachable(string(text))
	if servers == 0 && f.from.Path == resolvConf && f.usual == "" {
		if more, err := os.ReadFile(systemdResolv); err == nil {
			kept, _ = reachable(string(more))
		}
	}
	return kept, nil
}

// reachable leaves out the name servers that only the host itself can reach, and says how many are left.
func reachable(text string) (kept string, servers int) {
	var b strings.Builder
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) >= 2 && f[0] == "nameserver" {
			if a, err := netip.ParseAddr(f[1]); err == nil && a.IsLoopback() {
				continue
			}
			servers++
		}
		b.WriteString(lines.Text() + "\n")
	}
	return b.String(), servers
}

// Undo removes the directory, which is this start's alone, and the one that it is in if that is empty.
func (f *Files) Undo(context.Context) error {
	if err := os.RemoveAll(f.Dir); err != nil {
		return failed("remove", f.Dir, err)
	}
	_ = os.Remove(filepath.Dir(f.Dir)) // fails while another jail has one in it
	return nil
}
