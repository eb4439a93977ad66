package zfs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/libioc/ioc/internal/backend/zfs"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
)

func TestSources(t *testing.T) {
	pool := scratch.Pool(t)
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("zfs", args...).CombinedOutput(); err != nil {
			t.Fatalf("zfs %v: %v: %s", args, err, out)
		}
	}
	scratch.FileSystem(t) // a host without a mounted one is not asked
	rc := filepath.Join(t.TempDir(), "rc.conf")
	want := func(what string, want ...zfs.Source) {
		t.Helper()
		got, err := zfs.Sources(t.Context(), rc)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
	want("nothing said")
	run("create", "-o", "mountpoint=none", pool+"/iocage")
	t.Cleanup(func() { run("destroy", "-r", pool+"/iocage") })
	want("a pool with a file system of libioc's, which is not active")
	run("set", "org.freebsd.ioc:active=yes", pool)
	t.Cleanup(func() { run("inherit", "org.freebsd.ioc:active", pool) })
	want("an active pool", zfs.Source{Name: "ioc", Root: pool + "/iocage", From: "org.freebsd.ioc:active of " + pool})
	run("create", "-o", "mountpoint=none", pool+"/ioc")
	t.Cleanup(func() { run("destroy", "-r", pool+"/ioc") })
	want("one with ioc's own, too", zfs.Source{Name: "ioc", Root: pool + "/ioc", From: "org.freebsd.ioc:active of " + pool})

	lines := "hostname=x\n# ioc_dataset_no=\"tank/no\"\nioc_dataset_main=\"tank/one\" # the first\n ioc_dataset_fast='ssd/ioc/'\nioc_dataset_empty=\"\"\n"
	if err := os.WriteFile(rc, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	want("rc.conf, which comes first", zfs.Source{Name: "main", Root: "tank/one", From: rc}, zfs.Source{Name: "fast", Root: "ssd/ioc", From: rc})
}
