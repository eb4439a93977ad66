//go:build !linux

package release

import (
	"context"
	"errors"
)

var errAlone = errors.New("layers cannot be shared")

func (*stack) shared(context.Context, Target) (Written, error) { return Written{}, errAlone }
