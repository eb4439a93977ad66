package ioc

import (
	"context"
	"log/slog"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/all"
)

// Pool is a ZFS pool of this machine.
type Pool = all.Pool

// Pools lists the ZFS pools of this machine, and says which of them are ioc's. Without ZFS it is fault.Unavailable.
func Pools(ctx context.Context) ([]Pool, error) { return all.Pools(ctx) }

// Source is a ZFS file system that this machine says is a root.
type Source = all.Source

// Sources lists the roots that rc.conf or activated pools name. The first is the one that uid 0 uses.
func Sources(ctx context.Context) ([]Source, error) { return all.Sources(ctx) }

// SourceNames lists them as Options.Source takes them, NAME=DATASET, without a look at the file systems.
func SourceNames(ctx context.Context) ([]string, error) { return all.SourceNames(ctx) }

// ValidSource reports whether a root can be called so.
func ValidSource(name string) bool { return all.ValidSource(name) }

// Activation is the payload of making pools ioc's.
type Activation struct {
	Pools []string // by their names
}

// EventType is pool.activate.
func (*Activation) EventType() string { return "pool.activate" }

// EventTitle is for people.
func (p *Activation) EventTitle() string { return "activate " + strings.Join(p.Pools, ", ") }

// AppendAttrs lists the pools.
func (p *Activation) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("pools", strings.Join(p.Pools, " ")))
}

// Deactivation is the payload of the end of that.
type Deactivation struct {
	Pools []string // by their names
}

// EventType is pool.deactivate.
func (*Deactivation) EventType() string { return "pool.deactivate" }

// EventTitle is for people.
func (p *Deactivation) EventTitle() string { return "deactivate " + strings.Join(p.Pools, ", ") }

// AppendAttrs lists the pools.
func (p *Deactivation) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("pools", strings.Join(p.Pools, " ")))
}

// Activate makes ZFS pools ioc's: all of them, or none if one cannot be. One without a file system for ioc gets POOL/ioc. If
// all are so already it is skipped. Where rc.conf names roots, it says which is used, and not this.
func (h *Host) Activate(pools ...string) events.Op[struct{}] {
	return h.activation(&Activation{pools}, "activate", pools, true)
}

// Deactivate ends that pools are ioc's. What is in them stays, and jails that run go on.
func (h *Host) Deactivate(pools ...string) events.Op[struct{}] {
	return h.activation(&Deactivation{pools}, "deactivate", pools, false)
}

func (h *Host) activation(p events.Payload, op string, pools []string, active bool) events.Op[struct{}] {
	return events.New(p, func(s events.Step) (none struct{}, err error) {
		if _, err := h.keeper.Enter(s, op); err != nil {
			return none, err
		}
		plan, err := all.Activation(s.Context(), pools, active)
		if err != nil {
			return none, err
		}
		if len(plan) == 0 {
			return none, events.Skip("it is so already")
		}
		for _, e := range plan {
			if err := s.Apply(e); err != nil {
				return none, err
			}
		}
		return none, nil
	}).With(h.preset...)
}
