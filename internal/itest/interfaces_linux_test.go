package itest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
)

// networkState is where roots note who uses what of a network namespace; it is of these tests alone.
const networkState = "/run/ioc/network"

// connects gives the jail everything that can be had of a network, on a bridge and a port of this root alone.
func connects(h *ioc.Host) error {
	id, err := rootID(h.Root())
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(id, 16, 32)
	if err != nil {
		return err
	}
	_, err = h.Jail("web").Set(context.Background(), map[string]string{
		"vnet": "yes", "interfaces": "eth0:br" + id + ",eth1::br" + id, "ip4_addr": "eth0|10.88.0.2/24,eth1|10.89.0.2/24", "ip6_addr": "eth0|auto",
		"defaultrouter": "10.88.0.1", "nat": "yes", "nat_forwards": fmt.Sprintf("tcp(80:%d)", 10000+n%50000),
	})
	return err
}

var (
	plugEnd   = regexp.MustCompile(`ROOTID[a-z2-7]{6}\b`)
	startMark = regexp.MustCompile(`\b([0-9a-f]{8})\b|_[0-9a-f]{8}\b`)
	chosenSix = regexp.MustCompile(`\bfd[0-9a-f]{2}:[0-9a-f:]+`)
	chosenTCP = regexp.MustCompile(`\btcp(-|\(80:)\d+`)
)

// listLinks asks until nothing has changed while the kernel answered.
func listLinks() (all []netlink.Link, err error) {
	for range 1000 {
		if all, err = netlink.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

func listAddresses(l netlink.Link) (all []netlink.Addr, err error) {
	for range 1000 {
		if all, err = netlink.AddrList(l, netlink.FAMILY_ALL); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

// network is what a root has in the kernel's network, and what it has noted.
func (w *world) network() error {
	if os.Geteuid() != 0 {
		return nil
	}
	var lines []string
	add := func(format string, a ...any) {
		line := plugEnd.ReplaceAllString(w.plain(fmt.Sprintf(format, a...)), "ROOTID+END")
		line = startMark.ReplaceAllString(line, "START")
		lines = append(lines, chosenFour.ReplaceAllString(chosenSix.ReplaceAllString(line, "SIX"), "FOUR"))
	}
	all, err := listLinks()
	if err != nil {
		return err
	}
	for _, l := range all {
		if !strings.Contains(l.Attrs().Name, w.id) {
			continue
		}
		addresses, err := listAddresses(l)
		if err != nil && !errors.As(err, new(netlink.LinkNotFoundError)) {
			return err
		}
		var text []string
		for _, a := range addresses {
			if !a.IP.IsLinkLocalUnicast() { // the kernel makes them when it has time
				text = append(text, a.IPNet.String())
			}
		}
		slices.Sort(text)
		add("interface %s %s %q %v", l.Attrs().Name, l.Type(), l.Attrs().Alias, text)
	}
	c, err := nftables.New()
	if err != nil {
		return err
	}
	for _, family := range []nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyBridge} {
		chains, err := c.ListChainsOfTableFamily(family)
		if err != nil {
			return err
		}
		for _, ch := range chains {
			if strings.Contains(ch.Table.Name, w.id) {
				rules, err := c.GetRules(ch.Table, ch)
				if err != nil {
					return err
				}
				add("chain %s %s: %d rules", ch.Table.Name, ch.Name, len(rules))
			}
		}
	}
	err = notes(func(path, text string) {
		_, kept := map[string]bool{"forward/4": true, "forward/6": true}[below(path)] // it is everybody's
		if strings.Contains(path+text, w.id) && !kept {
			add("note %s %s", below(path), text)
		}
	})
	slices.Sort(lines)
	w.lines = append(w.lines, lines...)
	return err
}

// below is a note's path below the directory of its network namespace.
func below(path string) string {
	_, rest, _ := strings.Cut(path, "/")
	return rest
}

// notes shows each note of all roots: its path below networkState, and what it says.
func notes(show func(path, text string)) error {
	return filepath.WalkDir(networkState, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
			return nil
		}
		text, _ := os.Readlink(path) // of those that are links
		show(strings.TrimPrefix(path, networkState+"/"), text)
		return err
	})
}

// razeNetwork removes what a root has in the network, without any help of ioc's.
func razeNetwork(id string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	links, err := listLinks()
	if err != nil {
		return err
	}
	var all []error
	for _, l := range links {
		if strings.Contains(l.Attrs().Name, id) {
			if err := netlink.LinkDel(l); !errors.Is(err, unix.ENODEV) { // its other end may have taken it along
				all = append(all, err)
			}
		}
	}
	c, err := nftables.New()
	if err != nil {
		return err
	}
	tables, err := c.ListTables()
	all = append(all, err)
	for _, t := range tables {
		if strings.Contains(t.Name, id) {
			c.DelTable(t)
			all = append(all, c.Flush())
		}
	}
	return errors.Join(append(all, notes(func(path, text string) {
		if strings.Contains(path+text, id) {
			_ = os.RemoveAll(filepath.Join(networkState, path)) // another root's may be in the directory
		}
	}))...)
}
