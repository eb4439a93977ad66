package ioc

import (
	"context"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/jail"
)

// SeveralOptions say how one operation goes about several jails; package jail describes them.
type SeveralOptions = jail.SeveralOptions

// JailsGenerator makes operations on several jails. Each is one operation, with the jails in parallel, and
// with one name it is that of a [JailGenerator].
type JailsGenerator struct {
	h     *Host
	names []jail.Name
}

// JailsGenerator are the jails of these names, which need not exist.
func (h *Host) JailsGenerator(names ...string) *JailsGenerator {
	g := &JailsGenerator{h: h}
	for _, n := range names {
		g.names = append(g.names, jail.Name(n))
	}
	return g
}

// Names are the jails' names.
func (g *JailsGenerator) Names() []string {
	all := make([]string, 0, len(g.names))
	for _, n := range g.names {
		all = append(all, string(n))
	}
	return all
}

// Create makes jails that are alike: all of them, or none.
func (g *JailsGenerator) Create(o CreateOptions) events.Op[[]jail.Info] {
	o.Release = g.h.sources.name(o.Release)
	return g.h.keeper.CreateAll(g.names, o).With(g.h.preset...)
}

// Start starts the jails, and before them those that they depend on. One that cannot be started stops those that
// depend on it and nobody else, unless o.Atomic lets all of them start or none.
func (g *JailsGenerator) Start(o SeveralOptions) events.Op[struct{}] {
	return g.h.keeper.StartAll(g.names, o).With(g.h.preset...)
}

// Stop stops the jails in the opposite order. What is stopped stays so, also when another cannot be.
func (g *JailsGenerator) Stop(stop StopOptions, o SeveralOptions) events.Op[struct{}] {
	return g.h.keeper.StopAll(g.names, stop, o).With(g.h.preset...)
}

// Restart restarts the jails in the order of their priority. What is restarted stays so.
func (g *JailsGenerator) Restart(stop StopOptions, o SeveralOptions) events.Op[struct{}] {
	return g.h.keeper.RestartAll(g.names, stop, o).With(g.h.preset...)
}

// Destroy destroys the jails: until the last of them is out of sight all can be brought back.
func (g *JailsGenerator) Destroy(o DestroyOptions) events.Op[struct{}] {
	return g.h.keeper.DestroyAll(g.names, o).With(g.h.preset...)
}

// Losses tells what Destroy would take, and changes nothing. What Destroy would refuse it refuses.
func (g *JailsGenerator) Losses(ctx context.Context, o DestroyOptions) ([]jail.Loss, error) {
	return g.h.keeper.Losses(ctx, g.names, o)
}

// Set changes properties of the jails: of all of them, or of none if one is wrong or cannot be changed.
func (g *JailsGenerator) Set(properties map[string]string) events.Op[[]jail.Changed] {
	return g.h.keeper.SetAll(g.names, properties).With(g.h.preset...)
}
