package ioc

import (
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/lock"
	"github.com/libioc/ioc/journal"
)

// What tests look at and users do not.

func (h *Host) Journal() *journal.Journal  { return h.keeper.Records.(records).journal }
func (h *Host) Registry() *events.Registry { return h.keeper.Records.(records).registry }
func (h *Host) Locks() *lock.Table         { return h.locks }
func (h *Host) ID() string                 { return h.id }

// Booted are options of a host on a machine that was booted again.
func (o Options) Booted(n byte) Options {
	o.boot = journal.BootID{n}
	return o
}
