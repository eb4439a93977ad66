package zfs

import (
	"context"
	"testing"
)

// MakeTrash makes what the first use of the trash makes and leaves.
func MakeTrash(t testing.TB, p Place) {
	t.Helper()
	if err := change(t.Context(), "create", "-o", "mountpoint=none", p.Root+"/trash"); err != nil {
		t.Fatal(err)
	}
}

// Change runs zfs for what it does.
func Change(ctx context.Context, args ...string) error { return change(ctx, args...) }
