package overlay

import "context"

// MergeLayers gives tests what the effect Merge does to directories.
func MergeLayers(ctx context.Context, dst string, layers []string) error {
	return merge(ctx, layers)(dst)
}
