package usernet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/companion"
	"github.com/libioc/ioc/network"
)

// The programs.
const (
	pasta = "pasta"
	slirp = "slirp4netns"
)

// Carry is the effect that has a program carry a jail's packets. Its undo ends the program, and the interface goes with it.
type Carry struct {
	Interface string
	Jail      string
	Program   string            // its path
	Forwards  []network.Forward `json:",omitempty"`
	MTU       int               `json:",omitempty"`
	MAC       string            `json:",omitempty"`
	File      string            // where the process is noted
	Boot      string

	inside network.Inside
}

var _ network.Attendant = (*Carry)(nil)

// EventType is network.carry.
func (c *Carry) EventType() string { return "network.carry" }

// EventKey is the jail's name.
func (c *Carry) EventKey() string { return c.Jail }

// EventTitle is for people.
func (c *Carry) EventTitle() string {
	return "carry packets of " + c.Jail + " by " + filepath.Base(c.Program)
}

// String lists the ports.
func (c *Carry) String() string {
	var all []string
	for _, f := range c.Forwards {
		all = append(all, fmt.Sprintf("%s %d -> %d", f.Protocol, f.Host, f.Jail))
	}
	return strings.Join(all, ", ")
}

// Volatile is true: no process survives a reboot.
func (c *Carry) Volatile() bool { return true }

// patience bounds the waiting for a program that sets an interface up.
const patience = 20 * time.Second

// Do starts the program and returns when the jail has its interface.
func (c *Carry) Do(ctx context.Context) error {
	if c.inside == nil {
		return events.Untouched(fault.New("connect", fault.Internal, c.Jail, errors.New("effect was read back and can only be undone")))
	}
	if err := c.ports(); err != nil {
		return events.Untouched(err)
	}
	stack, err := c.inside(ctx)
	if err != nil {
		return events.Untouched(err)
	}
	defer stack.File.Close()
	p, err := companion.Start(companion.Command{
		File: c.File, Boot: c.Boot, Argv: c.argv(stack.PID), Env: []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
	})
	if err != nil {
		return fault.New("start", fault.KindOf(err), c.Program, err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fault.New("", fault.Timeout, c.Program, errors.New("it does not set up the interface")))
	defer cancel()
	for !c.ready() {
		soon, stop := context.WithTimeout(ctx, 5*time.Millisecond)
		ended := p.Wait(soon)
		stop()
		switch {
		case ended:
			return fault.New("", fault.Unavailable, c.Program, errors.New("it has ended: "+why(p.Said())))
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
	for _, f := range c.Forwards {
		if c.bound(f) == nil {
			return fault.New("", fault.Unavailable, c.Program, fmt.Errorf("it does not listen on port %d of the host (%s)", f.Host, f.Protocol))
		}
	}
	return nil
}

// ports says which port cannot be had: pasta would do without it, and say nothing.
func (c *Carry) ports() error {
	for _, f := range c.Forwards {
		err := c.bound(f)
		if err == nil {
			continue
		}
		kind, why := fault.KindOf(err), err
		if e, ok := errors.AsType[*os.SyscallError](err); ok {
			why = e.Err
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			kind, why = fault.Busy, errors.New("another program or jail has it")
		} else if errors.Is(err, os.ErrPermission) {
			kind = fault.Denied
		}
		return fault.New("", kind, fmt.Sprintf("port %d of the host (%s)", f.Host, f.Protocol), why).WithRemedy("choose another port, from 1024 on")
	}
	return nil
}

// bound tries whether somebody listens on a port of the host.
func (c *Carry) bound(f network.Forward) error {
	at := ":" + strconv.Itoa(int(f.Host))
	if f.Protocol == "udp" {
		l, err := net.ListenPacket("udp", at)
		if err == nil {
			err = l.Close()
		}
		return err
	}
	l, err := net.Listen("tcp", at)
	if err == nil {
		err = l.Close()
	}
	return err
}

// why leaves out what pasta says of a host without a system log, to which it would have said all else.
func why(said string) string {
	var words []string
	for line := range strings.SplitSeq(said, "; ") {
		if !strings.Contains(line, "bytes to syslog") {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return "it has said no word here, maybe in the system's log"
	}
	return strings.Join(words, "; ")
}

// ready is the file that the program writes when the interface is there.
func (c *Carry) ready() bool {
	info, err := os.Stat(c.readyFile())
	return err == nil && info.Size() > 0
}

func (c *Carry) readyFile() string { return c.File + ".ready" }

// argv is the command line. What the host has on its loopback stays the host's: pasta would map the jail's router to it.
func (c *Carry) argv(pid int) []string {
	if filepath.Base(c.Program) == slirp {
		// Its descriptor for that wants to be a file that is there already.
		return []string{
			"/bin/sh", "-c", `exec "$@" 9>"$0"`, c.readyFile(), c.Program, "--configure", "--mtu=" + strconv.Itoa(c.mtu()), "--disable-host-loopback",
			"--ready-fd=9", strconv.Itoa(pid), c.Interface,
		}
	}
	argv := []string{c.Program, "--foreground", "--quiet", "--config-net", "--no-map-gw", "--ns-ifname", c.Interface, "--pid", c.readyFile(), "--mtu", strconv.Itoa(c.mtu())}
	if c.MAC != "" {
		argv = append(argv, "--ns-mac-addr", c.MAC)
	}
	for _, protocol := range []string{"tcp", "udp"} {
		any := false
		for _, f := range c.Forwards {
			if f.Protocol == protocol {
				any = true
				argv = append(argv, "--"+protocol+"-ports", fmt.Sprintf("%d:%d", f.Host, f.Jail))
			}
		}
		if !any {
			argv = append(argv, "--"+protocol+"-ports", "none")
		}
		argv = append(argv, "--"+protocol+"-ns", "none")
	}
	return append(argv, strconv.Itoa(pid))
}

// mtu is what both programs take for the largest packet; larger ones are faster.
func (c *Carry) mtu() int {
	if c.MTU != 0 {
		return c.MTU
	}
	return 65520
}

// Attends tells whether the program runs.
func (c *Carry) Attends(context.Context) (bool, error) {
	lives, err := companion.Lives(c.File, c.Boot)
	if err != nil {
		return false, fault.New("look at", fault.KindOf(err), c.Program, err)
	}
	return lives, nil
}

// Again plans the program once more.
func (c *Carry) Again(inside network.Inside) (events.Effect, error) {
	other := *c
	other.File, _, _ = strings.Cut(c.File, "+")
	other.File, other.inside = other.File+"+"+token(), inside
	return &other, nil
}

// Undo ends the program.
func (c *Carry) Undo(ctx context.Context) error {
	const grace = time.Second
	if err := companion.End(ctx, c.File, c.Boot, grace); err != nil {
		return fault.New("end", fault.KindOf(err), c.Program, err)
	}
	if err := os.Remove(c.readyFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.New("remove", fault.KindOf(err), "", err)
	}
	_ = os.Remove(filepath.Dir(c.File)) // fails while another jail has something in it
	return nil
}
