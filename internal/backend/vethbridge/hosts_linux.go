package vethbridge

import (
	"cmp"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// writeHosts writes the hosts files of all jails on a bridge anew, and removes those that nobody needs. Jails with the
// same bridges share one file, which is written in place: they have it mounted. The caller holds the lock.
func (d state) writeHosts(bridge string) error {
	users, err := d.usersOf(bridge)
	if err != nil {
		return failed("read", "users of bridge "+bridge, err)
	}
	needed := map[string]bool{}
	for _, u := range users {
		needed[u.set] = true
	}
	files, err := filepath.Glob(filepath.Join(d.bridge(bridge), "hosts+*"))
	all := []error{err}
	for _, path := range files {
		if !needed[strings.TrimPrefix(filepath.Base(path), "hosts+")] {
			all = append(all, remove(path))
		}
	}
	for set := range needed {
		text, err := d.hosts(set)
		if err == nil {
			err = writeInPlace(d.hostsFile(set), text)
		}
		all = append(all, failed("write", "hosts file of "+set, err))
	}
	return errors.Join(all...)
}

// hosts is the hosts file of the jails on some bridges.
func (d state) hosts(set string) (string, error) {
	type line struct {
		address netip.Addr
		names   string
	}
	var lines []line
	for bridge := range strings.SplitSeq(set, "+") {
		leases, err := readLinks(d.leases(bridge))
		if err != nil {
			return "", err
		}
		for name, by := range leases {
			a, err := netip.ParseAddr(name)
			f := strings.Fields(by)
			if err != nil || len(f) < 5 {
				continue
			}
			names := f[3]
			if f[4] != "-" && f[4] != f[3] {
				names += " " + f[4]
			}
			lines = append(lines, line{a, names})
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Or(a.address.Compare(b.address), strings.Compare(a.names, b.names)) })
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for _, l := range lines {
		b.WriteString(l.address.String() + " " + l.names + "\n")
	}
	return b.String(), nil
}

// writeInPlace keeps the file that is mounted in jails, and is never seen shorter than it was or will be.
func writeInPlace(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), 0)
	if err == nil {
		err = f.Truncate(int64(len(text)))
	}
	return errors.Join(err, f.Close())
}
