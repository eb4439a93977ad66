package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/libioc/ioc/release/embedded"
)

// TestScript runs the transcripts in testdata on the built program, as everybody who can be tried here.
// UPDATE=1 rewrites what cmp compares.
func TestScript(t *testing.T) {
	needRelease(t)
	for _, p := range shared.people {
		t.Run(p.name, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir:                 "testdata",
				WorkdirRoot:         mkdir(t, filepath.Join(shared.dir, "scripts-"+p.name)),
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Cmds:                words(),
				UpdateScripts:       os.Getenv("UPDATE") != "",
				Condition: func(cond string) (bool, error) {
					return cond == p.name, nil
				},
				Setup: func(env *testscript.Env) error {
					dir := env.WorkDir
					env.Defer(func() { checkout(env.T().(testing.TB), p, dir) })
					env.Vars = append(env.Vars, environment(dir)...)
					env.Setenv("PATH", p.bin+":"+env.Getenv("PATH"))
					return p.own(dir)
				},
			})
		})
	}
}

// needRelease skips what needs the release that is built into ioc.
func needRelease(t *testing.T) {
	t.Helper()
	if err := embedded.Available(); err != nil {
		t.Skip("left out: ", err)
	}
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
