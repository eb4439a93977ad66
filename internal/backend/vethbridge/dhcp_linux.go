package vethbridge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/companion"
	"github.com/libioc/ioc/internal/thread"
	"github.com/libioc/ioc/network"
)

// DHCP is the effect that gets an interface of a jail an address from a DHCP server, and starts the process that renews it
// while the jail runs. Its undo lets that process give the address back, and end.
type DHCP struct {
	Interface string
	Jail      string
	Token     string
	Bridge    string
	Dir       state
	File      string // where the process is noted
	Boot      string

	// Got is what Do has got. Later the server may give another address.
	Got *Granted `json:",omitempty"`

	// Before is the address that the client had in whose place this one is.
	Before netip.Addr `json:",omitzero"`

	// Task is what the process is told, so that it can be started again.
	Task *task `json:",omitempty"`

	inside network.Inside
}

// Granted is what a DHCP server has granted.
type Granted struct {
	Address netip.Prefix
	Routers []netip.Addr `json:",omitempty"` // of IPv4, those that were set
	Servers []netip.Addr `json:",omitempty"` // of names
	Server  netip.Addr   // who has granted it
	Seconds int64        // how long it is the jail's if it is not renewed
}

var (
	_ events.Effect     = (*DHCP)(nil)
	_ network.Connected = (*DHCP)(nil)
	_ network.Attendant = (*DHCP)(nil)
)

// EventType is network.dhcp.
func (d *DHCP) EventType() string { return "network.dhcp" }

// EventKey is the interface's name.
func (d *DHCP) EventKey() string { return d.Interface }

// EventTitle is for people.
func (d *DHCP) EventTitle() string { return "ask for an address for " + d.Interface + " of " + d.Jail }

// String says what was got, and from whom.
func (d *DHCP) String() string {
	if d.Got == nil {
		return ""
	}
	return fmt.Sprintf("%s from %s for %v", d.Got.Address, d.Got.Server, time.Duration(d.Got.Seconds)*time.Second)
}

// Volatile is true: the address is a running jail's.
func (d *DHCP) Volatile() bool { return true }

// Addresses is the one that was got.
func (d *DHCP) Addresses() []netip.Prefix {
	if d.Got == nil {
		return nil
	}
	return []netip.Prefix{d.Got.Address}
}

// dhcpPatience bounds the waiting for an answer: some servers probe an address before they grant it.
const dhcpPatience = 20 * time.Second

// Do asks until there is an address.
func (d *DHCP) Do(ctx context.Context) error {
	if d.inside == nil || d.Task == nil {
		return events.Untouched(fault.New("ask", fault.Internal, d.Interface, errors.New("effect was read back and can only be undone")))
	}
	stack, err := d.inside(ctx)
	if err != nil {
		return events.Untouched(err)
	}
	defer stack.File.Close()
	report, theirs, err := os.Pipe()
	if err != nil {
		return events.Untouched(failed("make", "pipe", err))
	}
	defer report.Close()
	c, err := d.start(stack.File, theirs)
	_ = theirs.Close() // the process has its own
	if err != nil {
		return failed("start", "DHCP client", err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, d.Task.Patience+5*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = report.SetReadDeadline(time.Unix(1, 0)) })()
	line, err := bufio.NewReader(report).ReadBytes('\n')
	var said outcome
	switch {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return context.Cause(ctx)
	case err != nil && !errors.Is(err, io.EOF):
		return d.unanswered()
	case json.Unmarshal(line, &said) != nil:
		return fault.New("ask", fault.Unavailable, "DHCP client", errors.New("it has ended: "+c.Said()))
	case said.Granted == nil && said.Silent:
		return d.unanswered()
	case said.Granted == nil:
		return fault.New("", said.Kind, "DHCP on "+d.Interface, errors.New(said.Error))
	}
	d.Got = said.Granted
	return nil
}

func (d *DHCP) unanswered() error {
	return fault.New("", fault.Timeout, "DHCP on "+d.Interface, fmt.Errorf("no server has granted an address on bridge %s within %v", d.Bridge, d.Task.Patience)).
		WithRemedy("see to it that a DHCP server is on the bridge, or let the jail have ip4_addr='" + d.Interface + "|auto'")
}

// start starts the client where the jail's interfaces are.
func (d *DHCP) start(namespace, report *os.File) (c *companion.Companion, err error) {
	order, err := json.Marshal(d.Task)
	if err != nil {
		return nil, err
	}
	self, err := os.Open("/proc/self/exe") // whatever has become of its path
	if err != nil {
		return nil, err
	}
	defer self.Close()
	err = thread.Away(func() error {
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		c, err = companion.Start(companion.Command{
			File: d.File, Boot: d.Boot, Argv: []string{"/proc/self/fd/4", "dhcp", d.Interface, "of", d.Jail, d.File},
			Env: []string{taskEnv + "=" + string(order)}, More: []*os.File{report, self},
		})
		return err
	})
	return c, err
}

// Attends tells whether the client runs.
func (d *DHCP) Attends(context.Context) (bool, error) {
	lives, err := companion.Lives(d.File, d.Boot)
	return lives, failed("look at", "DHCP client of "+d.Interface, err)
}

// Again plans another client, which asks for an address as the first one did.
func (d *DHCP) Again(inside network.Inside) (events.Effect, error) {
	if d.Task == nil {
		return nil, fault.New("start", fault.NotSupported, "DHCP client of "+d.Interface, errors.New("the jail was started by an older ioc")).
			WithRemedy("restart the jail")
	}
	noted, err := d.note().addresses()
	if err != nil {
		return nil, err
	}
	other := *d
	if len(noted) > 0 {
		other.Before = noted[0]
	}
	other.File, _, _ = strings.Cut(d.File, "+")
	other.File, other.Got, other.inside = other.File+"+"+newToken(), nil, inside
	return &other, nil
}

// Undo lets the client give the address back, and forgets it.
func (d *DHCP) Undo(ctx context.Context) error {
	const grace = 2 * time.Second
	if err := companion.End(ctx, d.File, d.Boot, grace); err != nil {
		return failed("end", "DHCP client of "+d.Interface, err)
	}
	if d.Before.IsValid() { // it still is the jail's, as far as the first client's undo has not come
		return d.note().move(ctx, d.Before, d.Task.About...)
	}
	return d.note().move(ctx, netip.Addr{})
}

func (d *DHCP) note() *noted { return &noted{d.Dir, d.Bridge, d.Token + " " + d.Interface} }

// noted is the address of an interface among those of its bridge, of which others' hosts files are made.
type noted struct {
	dir    state
	bridge string
	by     string // what all notes of this interface begin with
}

// addresses are those that are noted.
func (n *noted) addresses() (all []netip.Addr, err error) {
	links, err := readLinks(n.dir.leases(n.bridge))
	for name, by := range links {
		if a, err := netip.ParseAddr(name); err == nil && strings.HasPrefix(by, n.by+" ") {
			all = append(all, a)
		}
	}
	return all, failed("read", "leases on bridge "+n.bridge, err)
}

// move notes another address, or none. One that somebody else has is fault.Busy.
func (n *noted) move(ctx context.Context, to netip.Addr, about ...string) error {
	links, err := readLinks(n.dir.leases(n.bridge))
	if err != nil {
		return failed("read", "leases on bridge "+n.bridge, err)
	}
	changed := false
	for name, by := range links {
		if strings.HasPrefix(by, n.by+" ") && name != to.String() {
			changed = true
			if err := remove(filepath.Join(n.dir.leases(n.bridge), name)); err != nil {
				return failed("forget", "address "+name, err)
			}
		}
	}
	if to.IsValid() {
		by, taken := links[to.String()]
		if taken && !strings.HasPrefix(by, n.by+" ") {
			f := append(strings.Fields(by), "", "", "", "")
			return fault.New("", fault.Busy, "address "+to.String(), fmt.Errorf("the DHCP server has granted it, and jail %s has it on bridge %s (%s)", f[3], n.bridge, f[2]))
		}
		if !taken {
			changed = true
			err := os.MkdirAll(n.dir.leases(n.bridge), 0o700)
			if err == nil {
				err = os.Symlink(n.by+" "+strings.Join(about, " "), filepath.Join(n.dir.leases(n.bridge), to.String()))
			}
			if err != nil {
				return failed("note", "address "+to.String(), err)
			}
		}
	}
	if !changed {
		return nil
	}
	return n.dir.with(ctx, func() error { return n.dir.writeHosts(n.bridge) })
}
