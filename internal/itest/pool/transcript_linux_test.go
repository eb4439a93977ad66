package pool

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
)

// TestTranscripts runs the transcripts in testdata on the built program, with two roots on the pool. $ONE has the
// release small.
func TestTranscripts(t *testing.T) {
	scratch.Pool(t)
	bin := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(bin, "ioc"), "github.com/libioc/ioc/cmd/ioc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
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
