//go:build !linux

package zfs

import (
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

func openTree(string) (storage.Tree, error) {
	return nil, fault.Unsupported("writing a release", "Linux")
}
