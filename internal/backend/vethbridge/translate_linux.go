package vethbridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/network"
)

// Translate is the effect that lets a jail reach what the host reaches, by the host's addresses, and leads ports of
// the host to it.
type Translate struct {
	Table    string
	Token    string
	Jail     string
	ID       string
	Dir      state
	NAT      bool              `json:",omitempty"`
	Forwards []network.Forward `json:",omitempty"`
	Bridges  map[string]string // by interface

	lease *Lease
}

var _ events.Effect = (*Translate)(nil)

// EventType is network.translate.
func (t *Translate) EventType() string { return "network.translate" }

// EventKey is the jail's name.
func (t *Translate) EventKey() string { return t.Jail }

// EventTitle is for people.
func (t *Translate) EventTitle() string {
	if len(t.Forwards) == 0 {
		return "translate addresses of " + t.Jail
	}
	return "lead ports to " + t.Jail
}

// String lists the ports.
func (t *Translate) String() string {
	var all []string
	for _, f := range t.Forwards {
		all = append(all, fmt.Sprintf("%s %d -> %d", f.Protocol, f.Host, f.Jail))
	}
	return strings.Join(all, ", ")
}

// Volatile is true: rules do not survive a reboot.
func (t *Translate) Volatile() bool { return true }

// Do makes the rules.
func (t *Translate) Do(ctx context.Context) error {
	if t.lease == nil {
		return events.Untouched(fault.New("", fault.Internal, "network", errors.New("effect was read back and can only be undone")))
	}
	return t.Dir.with(ctx, func() error {
		if err := t.ports(); err != nil {
			return err
		}
		return rulesFailed("translate", "addresses of "+t.Jail, t.rules().add())
	})
}

// ports makes ports of the host this jail's, each of which leads to one jail only.
func (t *Translate) ports() error {
	if len(t.Forwards) == 0 {
		return nil
	}
	dir := filepath.Join(string(t.Dir), "ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return failed("make", "directory of ports", err)
	}
	for _, f := range t.Forwards {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d", f.Protocol, f.Host))
		err := os.Symlink(t.Token+" "+t.ID+" "+t.Jail, path)
		if !errors.Is(err, fs.ErrExist) {
			if err != nil {
				return failed("note", "port", err)
			}
			continue
		}
		by, _ := os.Readlink(path) // under the lock it is there
		who := append(strings.Fields(by), "", "", "")
		if who[0] != t.Token {
			return fault.New("", fault.Busy, fmt.Sprintf("port %d of the host (%s)", f.Host, f.Protocol), fmt.Errorf("it leads to jail %s (%s)", who[2], who[1])).
				WithRemedy("choose another port, or stop the other jail")
		}
	}
	return nil
}

// targets are the addresses that ports lead to, one of each kind, with the bridge that each is on.
func (t *Translate) targets() []Held {
	var all []Held
	for _, h := range t.lease.Got {
		if !slices.ContainsFunc(all, func(o Held) bool { return o.Address.Addr().Is4() == h.Address.Addr().Is4() }) {
			all = append(all, h)
		}
	}
	return all
}

func (t *Translate) rules() *ruleset {
	hook := func(name string, num *nftables.ChainHook, priority *nftables.ChainPriority) nftables.Chain {
		return nftables.Chain{Name: name, Type: nftables.ChainTypeNAT, Hooknum: num, Priority: priority}
	}
	arriving := chain{hook: hook("prerouting", nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)}
	local := chain{hook: hook("output", nftables.ChainHookOutput, nftables.ChainPriorityNATDest)}
	leaving := chain{hook: hook("postrouting", nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)}
	passing := chain{hook: nftables.Chain{
		Name: "forward", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	}}
	masquerade := []expr.Any{&expr.Masq{}}
	if t.NAT {
		for _, h := range t.lease.Got {
			a := h.Address.Addr()
			leaving.rules = append(leaving.rules, slices.Concat(ofKind(a), from(a), leavesElsewhere(t.Bridges[h.Interface]), masquerade))
			// Who sends the host what is for the jail's own address, which others are not to know, gets nowhere.
			passing.rules = append(passing.rules, slices.Concat(ofKind(a), comesElsewhere(t.Bridges[h.Interface]), to(a), isNew(), wasNotForwarded(),
				[]expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}))
		}
	}
	for _, h := range t.targets() {
		a := h.Address.Addr()
		for _, f := range t.Forwards {
			rule := slices.Concat(ofKind(a), toHost(), toPort(f.Protocol, f.Host), divert(a, f.Jail))
			arriving.rules, local.rules = append(arriving.rules, rule), append(local.rules, rule)
		}
		if len(t.Forwards) > 0 {
			// A neighbour that asks the host would get the answer past the host, and would not know it.
			leaving.rules = append(leaving.rules, slices.Concat(ofKind(a), fromNetwork(h.Address), to(a), wasForwarded(), masquerade))
		}
	}
	return &ruleset{family: nftables.TableFamilyINet, table: t.Table, suffix: suffixOf(t.Jail, t.Token), chains: []chain{arriving, local, passing, leaving}}
}

// Undo removes the rules and lets the ports go.
func (t *Translate) Undo(ctx context.Context) error {
	return t.Dir.with(ctx, func() error {
		if err := removeRules(nftables.TableFamilyINet, t.Table, suffixOf(t.Jail, t.Token)); err != nil {
			return failed("remove", "rules of "+t.Jail, err)
		}
		dir := filepath.Join(string(t.Dir), "ports")
		links, err := readLinks(dir)
		if err != nil {
			return failed("read", "ports", err)
		}
		for name, by := range links {
			if strings.HasPrefix(by, t.Token+" ") {
				if err := remove(filepath.Join(dir, name)); err != nil {
					return failed("forget", "port "+name, err)
				}
			}
		}
		return nil
	})
}

// Isolate is the effect that keeps an interface of a jail from all other jails of the root.
type Isolate struct {
	Table  string
	Token  string
	Jail   string
	Link   string // the host's end
	Others string // what the host's ends of all jails of the root begin with
	Dir    state
}

var _ events.Effect = (*Isolate)(nil)

// EventType is network.isolate.
func (i *Isolate) EventType() string { return "network.isolate" }

// EventKey is the jail's name.
func (i *Isolate) EventKey() string { return i.Jail }

// EventTitle is for people.
func (i *Isolate) EventTitle() string { return "keep " + i.Jail + " apart from other jails" }

// Volatile is true: rules do not survive a reboot.
func (i *Isolate) Volatile() bool { return true }

// Marks of packets that the host has got from jails, which it keeps while it passes them on: from any, and from one that is kept
// apart. Frames that stay on a bridge have none.
const (
	fromJail  = 1 << 28
	fromApart = 1 << 29
)

// Do makes the rules: between two jails no frame is passed on if one of them is kept apart, nor does the host pass it on as a
// router would. What goes to the host and to other machines is not between two jails.
func (i *Isolate) Do(ctx context.Context) error {
	drop := []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	hook := func(name string, num *nftables.ChainHook) nftables.Chain {
		return nftables.Chain{Name: name, Type: nftables.ChainTypeFilter, Hooknum: num, Priority: nftables.ChainPriorityFilter}
	}
	others := i.Others + "*"
	r := &ruleset{family: nftables.TableFamilyBridge, table: i.Table, suffix: suffixOf(i.Jail, i.Token), chains: []chain{
		{hook: hook("forward", nftables.ChainHookForward), rules: [][]expr.Any{
			slices.Concat(comesBy(i.Link), leavesBy(others), drop),
			slices.Concat(comesBy(others), leavesBy(i.Link), drop),
		}},
		{hook: hook("input", nftables.ChainHookInput), rules: [][]expr.Any{
			slices.Concat(comesBy(others), mark(fromJail)),
			slices.Concat(comesBy(i.Link), mark(fromApart)),
		}},
		{hook: hook("output", nftables.ChainHookOutput), rules: [][]expr.Any{
			slices.Concat(leavesBy(i.Link), isMarked(fromJail), drop),
			slices.Concat(leavesBy(others), isMarked(fromApart), drop),
		}},
	}}
	return i.Dir.with(ctx, func() error {
		return rulesFailed("keep", i.Jail+" apart", r.add())
	})
}

// Undo removes the rules.
func (i *Isolate) Undo(ctx context.Context) error {
	return i.Dir.with(ctx, func() error {
		return failed("remove", "rules of "+i.Jail, removeRules(nftables.TableFamilyBridge, i.Table, suffixOf(i.Jail, i.Token)))
	})
}

// unsupportedRules is the error of a kernel without the parts that are needed.
func unsupportedRules(subject string, err error) error {
	return fault.New("", fault.NotSupported, subject, fmt.Errorf("the kernel has no such rules of nftables: %w", err)).
		WithRemedy("load or build the kernel's nf_tables, nft_nat, nft_masq, nft_fib_inet and nf_tables_bridge")
}

// bothKinds says of which kinds a jail's addresses are going to be.
func bothKinds(spec *network.Spec) (kinds []string) {
	four, six := false, false
	for n := range spec.Interfaces {
		i := &spec.Interfaces[n]
		four, six = four || i.Auto4 || i.DHCP, six || i.Auto6 || i.Advertise
		four = four || slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
		six = six || slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() })
	}
	if four {
		kinds = append(kinds, "4")
	}
	if six {
		kinds = append(kinds, "6")
	}
	return kinds
}
