//go:build !linux

package zfs

import (
	"context"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

func openTree(string) (storage.Tree, error) {
	return nil, fault.Unsupported("writing a release", "Linux")
}

func compare(context.Context, string, string, time.Time) ([]storage.Difference, error) {
	return nil, fault.Unsupported("comparing the states of a jail", "Linux")
}
