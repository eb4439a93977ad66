package zfs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// TestShare: on Linux no jail manages file systems, and it says so before anything is looked at.
func TestShare(t *testing.T) {
	d := newWorld(t).(*world).Driver(t)
	_, err := d.(storage.Sharer).Share(t.Context(), storage.Jail("web"), "ioc-web", []string{"tank/no"})
	if !errors.Is(err, fault.NotSupported) || !strings.Contains(err.Error(), "needs FreeBSD, or OpenZFS 2.2's zoned name spaces") {
		t.Errorf("share: %v", err)
	}
}
