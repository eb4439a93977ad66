package vethbridge

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// Forwarding is the effect that lets the host pass packets on. It is a switch of the whole host: it gets its old
// value back with the last jail that needs it.
type Forwarding struct {
	Kinds []string // "4", "6"
	Token string
	ID    string // of the jail
	Jail  string
	Dir   state
}

var _ events.Effect = (*Forwarding)(nil)

// EventType is network.forwarding.
func (f *Forwarding) EventType() string { return "network.forwarding" }

// EventKey is the jail's name.
func (f *Forwarding) EventKey() string { return f.Jail }

// EventTitle is for people.
func (f *Forwarding) EventTitle() string { return "let the host pass packets on" }

// Volatile is true: the switch does not survive a reboot.
func (f *Forwarding) Volatile() bool { return true }

// forwardSwitch is the kernel's.
func forwardSwitch(kind string) string {
	if kind == "6" {
		return "/proc/sys/net/ipv6/conf/all/forwarding"
	}
	return "/proc/sys/net/ipv4/ip_forward"
}

func (f *Forwarding) old(kind string) string { return filepath.Join(string(f.Dir), "forward", kind) }

func (f *Forwarding) mine(kind string) string {
	return filepath.Join(string(f.Dir), "forward", kind+"."+f.Token)
}

// Do notes who needs it and what was so before, and then sets the switches.
func (f *Forwarding) Do(ctx context.Context) error {
	return f.Dir.with(ctx, func() error {
		if err := os.MkdirAll(filepath.Join(string(f.Dir), "forward"), 0o700); err != nil {
			return failed("make", "directory of notes", err)
		}
		for _, kind := range f.Kinds {
			if err := os.Symlink(f.ID, f.mine(kind)); err != nil && !errors.Is(err, fs.ErrExist) {
				return failed("note", "forwarding", err)
			}
			before, err := os.ReadFile(forwardSwitch(kind))
			if err != nil {
				return failed("read", forwardSwitch(kind), err)
			}
			listeners := []string{strings.TrimSpace(string(before))}
			if kind == "6" {
				listeners = append(listeners, listening()...)
			}
			if err := os.Symlink(strings.Join(listeners, " "), f.old(kind)); err != nil && !errors.Is(err, fs.ErrExist) {
				return failed("note", "forwarding", err)
			}
			// A host that passes packets of IPv6 on is a router, and does not listen to others any more unless told to.
			for _, nic := range listeners[1:] {
				if err := writeSysctl(acceptRA(nic), "2"); err != nil {
					return failed("set", "how the host listens to routers", err)
				}
			}
			if err := f.fence(kind); err != nil {
				return rulesFailed("keep", "the host from passing on what is not of jails", err)
			}
			if err := writeSysctl(forwardSwitch(kind), "1"); err != nil {
				return failed("set", forwardSwitch(kind), err)
			}
		}
		return nil
	})
}

// fenceTable holds, of each kind, the rule that keeps a host which was no router from being one for others than jails.
const fenceTable = "ioc_forward"

func family(kind string) nftables.TableFamily {
	if kind == "6" {
		return nftables.TableFamilyIPv6
	}
	return nftables.TableFamilyIPv4
}

// fence lets a host that passes packets on for the sake of jails only pass on what comes from a bridge or goes to one. A host
// that did so before goes on as it was.
func (f *Forwarding) fence(kind string) error {
	text, err := os.Readlink(f.old(kind))
	if err != nil || strings.HasPrefix(text, "1") {
		return err
	}
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := &nftables.Table{Family: family(kind), Name: fenceTable}
	c.AddTable(table)
	c.DelTable(table) // the one of another jail, in the same transaction
	c.AddTable(table)
	chain := c.AddChain(&nftables.Chain{
		Name: "forward", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: slices.Concat(
		isNoBridge(metaIIFKind), isNoBridge(metaOIFKind), []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}},
	)})
	return c.Flush()
}

// unfence takes the rule away.
func unfence(kind string) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	all, err := c.ListTablesOfFamily(family(kind))
	if err != nil {
		return ignore(err, unix.ENOENT)
	}
	if !slices.ContainsFunc(all, func(t *nftables.Table) bool { return t.Name == fenceTable }) {
		return nil
	}
	c.DelTable(&nftables.Table{Family: family(kind), Name: fenceTable})
	return ignore(c.Flush(), unix.ENOENT)
}

func acceptRA(nic string) string { return "/proc/sys/net/ipv6/conf/" + nic + "/accept_ra" }

// listening lists the host's interfaces that listen to routers, and would not any more.
func listening() []string {
	all, _ := filepath.Glob(acceptRA("*")) // the pattern is right
	var names []string
	for _, path := range all {
		text, err := os.ReadFile(path)
		nic := filepath.Base(filepath.Dir(path))
		if err == nil && strings.TrimSpace(string(text)) == "1" && nic != "all" && nic != "default" && nic != "lo" {
			names = append(names, nic)
		}
	}
	return names
}

// Undo puts the switches back when nobody else needs them.
func (f *Forwarding) Undo(ctx context.Context) error {
	return f.Dir.with(ctx, func() error {
		for _, kind := range f.Kinds {
			if err := f.restore(kind); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *Forwarding) restore(kind string) error {
	if _, err := os.Lstat(f.mine(kind)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	users, err := filepath.Glob(f.old(kind) + ".*")
	if err != nil {
		return err
	}
	if len(users) > 1 {
		return failed("forget", "forwarding", remove(f.mine(kind)))
	}
	text, err := os.Readlink(f.old(kind))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed("read", "what forwarding was before", err)
	}
	if before := strings.Fields(text); len(before) > 0 {
		if before[0] != "1" {
			if err := writeSysctl(forwardSwitch(kind), before[0]); err != nil {
				return fault.New("set", kindOf(err), forwardSwitch(kind), bare(err))
			}
			if err := unfence(kind); err != nil {
				return failed("remove", "rules of forwarding", err)
			}
		}
		for _, nic := range before[1:] {
			if err := writeSysctl(acceptRA(nic), "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return failed("set", "how the host listens to routers", err)
			}
		}
	}
	return failed("forget", "forwarding", errors.Join(remove(f.old(kind)), remove(f.mine(kind))))
}
