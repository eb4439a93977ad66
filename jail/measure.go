package jail

import (
	"context"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Measure tells what a running jail uses now.
func (k *Keeper) Measure(ctx context.Context, name Name) (sandbox.Usage, error) {
	i, err := k.running(ctx, "measure", name)
	if err != nil {
		return sandbox.Usage{}, err
	}
	meter, ok := k.Sandbox.(sandbox.Meter)
	if !ok {
		return sandbox.Usage{}, fault.Unsupported("measuring jails", "another back end")
	}
	u, err := meter.Measure(ctx, i.Sandbox)
	return u, refused("measure", name, err)
}
