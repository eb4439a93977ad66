package usernet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
	"github.com/libioc/ioc/network"
)

// Options are what a driver is told once.
type Options struct {
	// Run is a directory for files of running jails; see package vethbridge, which has one too. It may be the same.
	Run string

	// Boot says which boot of the machine this is: random(4)'s boot_id.
	Boot string

	// Find gives the path of a program, or its name if it is nowhere. Nil: run.Find.
	Find func(program string) string
}

// Driver is a network.Driver.
type Driver struct {
	network.Driver // for all else
	options        Options
}

// New makes a driver that asks another one first.
func New(options Options, other network.Driver) *Driver {
	if options.Find == nil {
		options.Find = run.Find
	}
	return &Driver{other, options}
}

// Register makes the driver's effects known to a journal.
func Register(r *events.Registry) { events.Register[Carry](r, "usernet.carry.v1") }

// Features are the other driver's; without bridges addresses are translated all the same.
func (d *Driver) Features() network.Features {
	f := d.Driver.Features()
	if !f.Bridges {
		f.NAT = d.program() != ""
		if f.NAT {
			delete(f.Why, "NAT")
		}
	}
	return f
}

// program is the path of the best program that is there, "" if there is none.
func (d *Driver) program() string {
	for _, name := range []string{pasta, slirp} {
		if path := d.options.Find(name); filepath.IsAbs(path) {
			return path
		}
	}
	return ""
}

// Plan plans what connects a jail.
func (d *Driver) Plan(ctx context.Context, spec network.Spec, inside network.Inside) (network.Plan, error) {
	if len(spec.Interfaces) == 0 || d.Driver.Features().Bridges {
		return d.Driver.Plan(ctx, spec, inside)
	}
	if err := spec.Validate(); err != nil {
		return network.Plan{}, err
	}
	if err := suits(&spec); err != nil {
		return network.Plan{}, fault.New("", fault.NotSupported, "network of its own", err).
			WithRemedy("as an ordinary user, leave interfaces and addresses out and set nat=yes; or start the jail as root")
	}
	bare := spec
	bare.Interfaces, bare.NAT, bare.Forwards = nil, false, nil
	plan, err := d.Driver.Plan(ctx, bare, inside)
	if err != nil {
		return plan, err
	}
	program := d.program()
	const install = "install passt, which has pasta"
	switch {
	case program == "" && len(spec.Forwards) > 0:
		return plan, fault.New("", fault.NotSupported, "ports of the host", errors.New("neither pasta nor slirp4netns is installed, and an ordinary user has no other way")).WithRemedy(install)
	case program == "":
		plan.Without = "the jail reaches nobody: neither pasta nor slirp4netns is installed, and an ordinary user has no other way; " + install
		return plan, nil
	case filepath.Base(program) == slirp && len(spec.Forwards) > 0:
		return plan, fault.New("", fault.NotSupported, "ports of the host", errors.New("slirp4netns leads none to a jail, and pasta is not installed")).WithRemedy(install)
	}
	i := spec.Interfaces[0]
	plan.After = append(plan.After, &Carry{
		Interface: i.Name, Jail: spec.Jail, Program: program, Forwards: spec.Forwards, MTU: i.MTU, MAC: i.MAC,
		File: filepath.Join(d.options.Run, spec.ID+"."+token()+".carry"), Boot: d.options.Boot, inside: inside,
	})
	return plan, nil
}

// suits says what cannot be done by sockets.
func suits(spec *network.Spec) error {
	i := &spec.Interfaces[0]
	switch {
	case len(spec.Interfaces) > 1 || i.Bridge != network.Outward || i.Apart:
		return fmt.Errorf("an ordinary user cannot put a jail on bridge %s", spec.Interfaces[len(spec.Interfaces)-1].Bridge)
	case len(i.Addresses) > 0 || i.DHCP || i.Advertise || i.Auto6:
		return errors.New("an ordinary user's jail cannot choose its addresses")
	case spec.Router4.Address.IsValid() || spec.Router6.Address.IsValid():
		return errors.New("an ordinary user's jail cannot choose its router")
	}
	return nil
}

// token is a number of one start.
func token() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return hex.EncodeToString(b[:])
}
