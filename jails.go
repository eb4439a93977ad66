package ioc

import (
	"context"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// Jails lists all jails in the order of their names. A broken one is among them, with the reason and
// what repairs it, and breaks nobody else.
func (h *Host) Jails(ctx context.Context) ([]jail.Info, error) { return h.keeper.List(ctx) }

// Survey measures the files of all jails, by their names, and counts their snapshots. Where that takes as long as to measure one after
// the other, it is fault.Unsupported.
func (h *Host) Survey(ctx context.Context) (map[jail.Name]storage.Surveyed, error) {
	if d, ok := h.backend.Storage.(storage.Surveyor); ok {
		return d.Survey(ctx, storage.Jails)
	}
	return nil, fault.Unsupported("measuring all jails at once", "ZFS")
}

// Jail is the jail called name, which need not exist, for whoever wants things done: its methods
// return when they are.
func (h *Host) Jail(name string) *Jail { return &Jail{h.JailGenerator(name)} }

// JailGenerator is the jail called name, which need not exist, for whoever wants to watch: its
// methods return operations, which yield events while they run. Both forms have the same effect.
func (h *Host) JailGenerator(name string) *JailGenerator {
	return &JailGenerator{h, jail.Name(name)}
}

// Jail does things with a jail and returns when they are done. Every method runs the operation of the
// same name of a [JailGenerator]; a goal that holds already is not an error.
type Jail struct{ g *JailGenerator }

// Name is the jail's name.
func (j *Jail) Name() string { return j.g.Name() }

// Generator is the same jail, for whoever wants to watch.
func (j *Jail) Generator() *JailGenerator { return j.g }

// Info looks at the jail. One that does not exist is fault.NotFound.
func (j *Jail) Info(ctx context.Context) (jail.Info, error) { return j.g.Info(ctx) }

// Snapshots lists the jail's snapshots, oldest first.
func (j *Jail) Snapshots(ctx context.Context) ([]storage.Snapshot, error) { return j.g.Snapshots(ctx) }

// Usage measures the jail's files.
func (j *Jail) Usage(ctx context.Context) (storage.Usage, error) { return j.g.Usage(ctx) }

// Measure tells what the jail, which must run, uses of processor and memory now.
func (j *Jail) Measure(ctx context.Context) (sandbox.Usage, error) { return j.g.Measure(ctx) }
