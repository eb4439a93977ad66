package zfs

import (
	"context"
	"time"

	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

func openTree(dir string) (storage.Tree, error) {
	return filetree.NewWriter(dir, filetree.Options{Owners: true, Devices: true})
}

func compare(ctx context.Context, from, to string, kept time.Time) ([]storage.Difference, error) {
	was, is := filetree.NewListing(), filetree.NewListing()
	if err := was.Fill(ctx, from); err != nil {
		return nil, err
	}
	if err := is.Fill(ctx, to); err != nil {
		return nil, err
	}
	return was.Diff(ctx, is, kept)
}
