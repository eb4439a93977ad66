package all

import (
	"context"

	"github.com/libioc/ioc/internal/backend/rehearsal"
)

// Rehearsal is a back end that begins as b is, plans as b does, and does nothing. The stage is what effects that were kept
// before are shown on.
func Rehearsal(ctx context.Context, b Backend) (Backend, *rehearsal.Stage, error) {
	x := rehearsal.New()
	files, err := x.Storage(ctx, b.Storage)
	if err != nil {
		return Backend{}, nil, err
	}
	return Backend{
		Name: b.Name, Storage: files, Sandbox: x.Sandbox(b.Sandbox), Network: x.Network(b.Network), Commands: silence{}, DryRun: true,
		Register: x.Register,
	}, x, nil
}
