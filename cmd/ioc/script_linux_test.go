package main

import (
	"os"
	"strings"
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
				WorkdirRoot:         mkdir(t, "scripts-"+p.name),
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

// mkdir makes a directory whose name begins so, for everybody to enter.
func mkdir(t *testing.T, begins string) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, strings.ReplaceAll(begins, "/", "-")+"-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
