package zfs

import (
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

func openTree(dir string) (storage.Tree, error) {
	return filetree.NewWriter(dir, filetree.Options{Owners: true, Devices: true})
}
