package ioc

import (
	"context"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/jail"
)

// Defaults are what holds for all jails of the host that do not say otherwise; nil: there are none.
func (h *Host) Defaults(ctx context.Context) (*config.Data, error) { return h.keeper.Defaults(ctx) }

// SetDefaults changes them: all of them, or none if one is wrong. The value lists what changed.
func (h *Host) SetDefaults(properties map[string]string) events.Op[[]jail.Changed] {
	return h.keeper.SetDefaults(properties).With(h.preset...)
}
