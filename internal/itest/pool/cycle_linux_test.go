package pool

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
	"github.com/libioc/ioc/release/embedded"
	"github.com/libioc/ioc/sandbox"
)

// TestCycle is a jail's life, the same on ZFS and on layers.
func TestCycle(t *testing.T) {
	scratch.Pool(t)
	t.Parallel()
	if err := embedded.Available(); err != nil {
		t.Skip(err)
	}
	for _, tc := range []struct {
		name string
		root func(t *testing.T) string
	}{
		{"zfs", func(t *testing.T) string { name, _ := scratch.FileSystem(t); return name }},
		{"overlay", func(t *testing.T) string { return filepath.Join(t.TempDir(), "root") }},
	} {
		t.Run(tc.name, func(t *testing.T) { cycle(t, tc.root(t)) })
	}
}

func cycle(t *testing.T, root string) {
	ctx := t.Context()
	h, err := ioc.Open(ctx, ioc.Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	web := h.Jail("web")
	t.Cleanup(func() { // of a test that failed half-way
		if err := web.Destroy(context.Background(), ioc.DestroyOptions{Force: true}); err != nil && !errors.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	must("create", web.Create(ctx, ioc.CreateOptions{Properties: map[string]string{"notes": "cycle"}}))
	must("start", web.Start(ctx))
	if got := inside(t, web, "echo good > /etc/state; cat /etc/state; hostname"); got != "good\nweb\n" {
		t.Errorf("exec: %q", got)
	}
	live := h.Features(ctx).Storage.Live
	if !live {
		must("stop", web.Stop(ctx, ioc.StopOptions{}))
	}
	_, err = web.Snapshot(ctx, "good")
	must("snapshot", err)
	if !live {
		must("start", web.Start(ctx))
	}
	inside(t, web, "rm -r /etc; echo bad > /state")
	if err := web.Rollback(ctx, "good", ioc.RollbackOptions{}); !errors.Is(err, fault.Busy) {
		t.Errorf("rollback of a running jail: %v, want it refused", err)
	}
	must("stop", web.Stop(ctx, ioc.StopOptions{}))
	must("rollback", web.Rollback(ctx, "good", ioc.RollbackOptions{}))
	must("start", web.Start(ctx))
	if got := inside(t, web, "cat /etc/state; ls /state || echo gone"); !strings.HasPrefix(got, "good\n") || !strings.Contains(got, "gone") {
		t.Errorf("after the rollback: %q", got)
	}
	if err := web.Destroy(ctx, ioc.DestroyOptions{}); !errors.Is(err, fault.Busy) {
		t.Errorf("destroy of a running jail: %v, want it refused", err)
	}
	must("stop", web.Stop(ctx, ioc.StopOptions{}))
	must("rename", mustDo(h.JailGenerator("web").Rename("www").Do(ctx)))
	must("rename", mustDo(h.JailGenerator("www").Rename("web").Do(ctx)))
	must("destroy", web.Destroy(ctx, ioc.DestroyOptions{}))
	if _, err := web.Info(ctx); !errors.Is(err, fault.NotFound) {
		t.Errorf("info of a destroyed jail: %v", err)
	}
	if _, err := os.Stat(filepath.Join(h.Root(), "jails", "web")); !os.IsNotExist(err) {
		t.Errorf("its directory: %v", err)
	}
}

func mustDo[T any](_ T, err error) error { return err }

// inside runs a script in the jail and gives what it says.
func inside(t *testing.T, j *ioc.Jail, script string) string {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	exit, err := j.Exec(t.Context(), ioc.ExecOptions{
		Process: sandbox.Process{Args: []string{"/bin/sh", "-c", script}},
		Stdio:   sandbox.Stdio{Out: out, Err: out},
	})
	text, readErr := os.ReadFile(out.Name())
	if err := errors.Join(err, readErr); err != nil {
		t.Fatalf("%s: %v: %+v: %s", script, err, exit, text)
	}
	return string(bytes.TrimLeft(text, "\r"))
}

// TestNotMounted wants no directory to be made in the place of a file system that is there and cannot be used.
func TestNotMounted(t *testing.T) {
	name, _ := scratch.FileSystem(t)
	if err := command("create", "-o", "mountpoint=none", name+"/no"); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, existing := range []bool{true, false} {
		_, err := ioc.Open(t.Context(), ioc.Options{Root: name + "/no", Existing: existing})
		if !errors.Is(err, fault.Unavailable) || len(fault.Remedies(err)) == 0 {
			t.Errorf("open of what is not mounted: %v, want it unavailable, and what to do", err)
		}
	}
	if all, err := os.ReadDir("."); err != nil || len(all) > 0 {
		t.Errorf("it has made %v, %v", all, err)
	}
}

// TestHung opens a root that does not answer, by its directory and by its name.
func TestHung(t *testing.T) {
	scratch.Pool(t)
	dir, _ := scratch.Hung(t, "tank/hung")
	t.Parallel()
	var both sync.WaitGroup // they do nothing but wait
	for _, root := range []string{dir, "tank/hung"} {
		both.Go(func() {
			if _, err := ioc.Open(t.Context(), ioc.Options{Root: root}); !errors.Is(err, fault.Unavailable) || len(fault.Remedies(err)) == 0 {
				t.Errorf("open of %s, which does not answer: %v, want it unavailable, and what to do", root, err)
			}
		})
	}
	both.Wait()
}
