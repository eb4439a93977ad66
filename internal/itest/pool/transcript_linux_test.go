package pool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
)

// program builds ioc, and gives the directory that it is in.
func program(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(bin, "ioc"), "github.com/libioc/ioc/cmd/ioc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	return bin
}

// TestListOfPools lists the jails of two pools that are active, as uid 0 does that names no root; one of them does not answer after that.
func TestListOfPools(t *testing.T) {
	scratch.Pool(t)
	ctx := t.Context()
	dir := t.TempDir()
	var roots []string
	for n, jail := range []string{"web", "shop"} {
		pool := fmt.Sprint(secondPool(dir), "-", n)
		if err := makePool(pool, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := scratch.DestroyPool(pool); err != nil {
				t.Error(err)
			}
		})
		root := pool + "/ioc"
		if err := errors.Join(command("create", "-o", "mountpoint="+filepath.Join(dir, pool), root), command("set", "org.freebsd.ioc:active=yes", pool)); err != nil {
			t.Fatal(err)
		}
		h, err := ioc.Open(ctx, ioc.Options{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(fetch(h), h.Jail(jail).Create(ctx, ioc.CreateOptions{Release: base}), h.Jail("both").Create(ctx, ioc.CreateOptions{Release: base})); err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root)
	}
	bin := program(t)
	list := func(args ...string) (stdout, stderr string, err error) {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "ioc"), append([]string{"list", "-H"}, args...)...)
		cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "IOC_ROOT=") })
		var out, said strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &said
		err = cmd.Run()
		return out.String(), said.String(), err
	}
	want := fmt.Sprintf("both\t%[1]s\nweb\t%[1]s\nboth\t%[2]s\nshop\t%[2]s\n", roots[0], roots[1])
	if out, said, err := list("-o", "name,source"); out != want || err != nil {
		t.Errorf("list says %q, %v: %s; want %q", out, err, said, want)
	}
	if out, said, err := list("-o", "name,used", "shop"); !strings.HasPrefix(out, "shop\t") || strings.Count(out, "\n") != 1 || strings.HasSuffix(out, "-\n") || err != nil {
		t.Errorf("list of one with its size says %q, %v: %s", out, err, said)
	}
	if err := command("unmount", roots[1]); err != nil {
		t.Fatal(err)
	}
	out, said, err := list("-o", "name,source")
	if exit, failed := errors.AsType[*exec.ExitError](err); !failed || exit.ExitCode() != 1 || out != fmt.Sprintf("both\t%[1]s\nweb\t%[1]s\n", roots[0]) ||
		!strings.Contains(said, roots[1]+": the ZFS file system is not mounted") {
		t.Errorf("list without one of the two says %q, %v: %s", out, err, said)
	}
}

// TestTranscripts runs the transcripts in testdata on the built program, with two roots on the pool. $ONE has the
// release small.
func TestTranscripts(t *testing.T) {
	scratch.Pool(t)
	bin := program(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			env.Setenv("PATH", bin+":"+env.Getenv("PATH"))
			for _, name := range []string{"ONE", "TWO"} {
				fs, dir := scratch.FileSystem(tb)
				env.Setenv(name, fs)
				env.Setenv("DIR_"+name, dir)
				if name != "ONE" {
					continue
				}
				h, err := ioc.Open(tb.Context(), ioc.Options{Root: fs})
				if err != nil {
					return err
				}
				if err := fetch(h); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
