package pool

import (
	"os/exec"
	"testing"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
)

// BenchmarkRatio does the same by ioc and by the zfs command alone, in turn, and reports how many times as long
// ioc takes. "plain" are the commands of somebody who does not want to undo anything; "same" are those that
// leave and can undo what ioc does, by which the price of journal, events and questions is seen.
func BenchmarkRatio(b *testing.B) {
	name, dir := scratch.FileSystem(b)
	h, err := open(dir)
	if err == nil {
		err = fetch(h)
	}
	if err == nil {
		err = h.Jail("web").Create(b.Context(), ioc.CreateOptions{Release: base})
	}
	if err != nil {
		b.Fatal(err)
	}
	zfs := func(args ...string) {
		for { // busy, because it was used a moment ago
			if exec.Command("zfs", args...).Run() == nil {
				return
			}
		}
	}
	umount := func(dirs ...string) {
		for _, d := range dirs {
			for exec.Command("umount", d).Run() != nil {
			}
		}
	}
	zfs("create", "-o", "mountpoint=none", name+"/bin")
	origin, bare, at := name+"/releases/"+base+"/root@p0", name+"/jails/bare", dir+"/jails/bare"
	for _, bm := range []struct {
		name        string
		ioc         func() error
		same, plain func()
	}{
		{
			"clone+destroy",
			func() error {
				if err := h.Jail("x").Create(b.Context(), ioc.CreateOptions{Release: base}); err != nil {
					return err
				}
				return h.Jail("x").Destroy(b.Context(), ioc.DestroyOptions{})
			},
			func() {
				zfs("create", bare)
				zfs("clone", origin, bare+"/root")
				umount(at+"/root", at)
				zfs("rename", bare, name+"/bin/x")
				zfs("destroy", "-r", name+"/bin/x")
			},
			func() {
				zfs("create", bare)
				zfs("clone", origin, bare+"/root")
				umount(at+"/root", at)
				zfs("destroy", "-r", bare)
			},
		},
		{
			"snapshot+rollback",
			func() error {
				if _, err := h.Jail("web").Snapshot(b.Context(), "s"); err != nil {
					return err
				}
				if err := h.Jail("web").Rollback(b.Context(), "s", ioc.RollbackOptions{}); err != nil {
					return err
				}
				return h.Jail("web").DestroySnapshot(b.Context(), "s")
			},
			func() {
				zfs("snapshot", bare+"/root@s")
				umount(at + "/root")
				zfs("rename", bare+"/root", bare+"/old")
				zfs("clone", bare+"/old@s", bare+"/root")
				zfs("promote", bare+"/root")
				zfs("destroy", "-r", bare+"/old")
				zfs("rename", bare+"/root@s", bare+"/root@gone")
				zfs("destroy", bare+"/root@gone")
			},
			func() {
				zfs("snapshot", bare+"/root@s")
				zfs("rollback", bare+"/root@s")
				zfs("destroy", bare+"/root@s")
			},
		},
	} {
		b.Run(bm.name, func(b *testing.B) {
			if bm.name == "snapshot+rollback" {
				zfs("create", bare)
				zfs("clone", origin, bare+"/root")
			}
			var ours, same, plain time.Duration
			for b.Loop() {
				began := time.Now()
				if err := bm.ioc(); err != nil {
					b.Fatal(err)
				}
				t1 := time.Now()
				bm.same()
				t2 := time.Now()
				bm.plain()
				ours, same, plain = ours+t1.Sub(began), same+t2.Sub(t1), plain+time.Since(t2)
			}
			b.ReportMetric(float64(ours)/float64(same), "x-same")
			b.ReportMetric(float64(ours)/float64(plain), "x-plain")
		})
	}
}
