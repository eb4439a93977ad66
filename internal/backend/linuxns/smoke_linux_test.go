package linuxns

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m) }

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	sandboxtest.MakeRoot(t, root)
	d := New(Options{Run: filepath.Join(dir, "run"), Group: "ioc-smoke"})
	t.Logf("%+v", d.Features())
	spec := sandbox.Spec{ID: "smoke", Root: sandbox.Root{Dir: root}, Mounts: sandboxtest.Libraries(t), Console: filepath.Join(dir, "console")}
	effects, err := d.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, e := range effects {
		defer func() {
			if err := e.Undo(ctx); err != nil {
				t.Error(err)
			}
		}()
		if err := e.Do(ctx); err != nil {
			t.Fatal(err)
		}
	}
	j := effects[len(effects)-1].(sandbox.Held).State()
	t.Logf("%+v", j)
	st, err := d.Status(ctx, j)
	t.Log(st, err)
	for _, cmd := range [][]string{{"pids"}, {"read", "/proc/self/mountinfo"}, {"read", "/proc/self/status"}, {"fds"}, {"id"}, {"exit", "3"}, {"list", "/"}} {
		s, err := d.Exec(j, sandboxtest.ProbeProcess(cmd...), sandbox.Stdio{Out: os.Stdout, Err: os.Stderr})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Do(ctx); err != nil {
			t.Fatal(err)
		}
		t.Log(s.Wait(ctx))
	}
}
