package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompletion types half of commands and presses the tabulator, in real shells, as everybody. An ioc in
// front of the real one says what it is called with in the end.
func TestCompletion(t *testing.T) {
	shells := map[string]struct {
		program []string
		setup   string
	}{
		"bash": {
			[]string{"bash", "--norc", "--noprofile", "-i"},
			"PS1=; source /usr/share/bash-completion/bash_completion; source <(ioc completion bash)",
		},
		"zsh": {
			[]string{"zsh", "-f", "-i"},
			"PS1=; unsetopt prompt_sp prompt_cr; autoload -U compinit; compinit -u -D; source <(ioc completion zsh)",
		},
		"fish": {
			[]string{"fish", "--no-config", "-i"},
			"function fish_prompt; end; ioc completion fish | source",
		},
	}
	everywhere(t, func(t *testing.T, at *place) {
		at.do("run", "web", "true")
		at.do("create", "db")
		at.do("create", "data")
		at.do("snapshot", "create", "db@before")
		bin := mkdir(t, "completion")
		script := fmt.Sprintf("#!/bin/sh\ncase $1 in\n__complete*|completion) exec %s \"$@\" ;;\nesac\nprintf 'called:'\nprintf ' %%s' \"$@\"\nprintf ';\\n'\n", shared.program)
		if err := os.WriteFile(filepath.Join(bin, "ioc"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(bin, "run"), 0o700); err != nil { // else fish leaves one in /tmp
			t.Fatal(err)
		}
		for _, dir := range []string{bin, filepath.Join(bin, "run")} {
			if err := os.Chown(dir, at.p.uid, at.p.gid); err != nil {
				t.Fatal(err)
			}
		}
		before := strings.Join(listing(t, at.dir), "\n")
		for name, shell := range shells {
			t.Run(name, func(t *testing.T) {
				if _, err := exec.LookPath(shell.program[0]); err != nil {
					t.Skip("left out: ", err)
				}
				cmd := exec.Command(shell.program[0], shell.program[1:]...)
				cmd.Env = append(environment(at.dir), "PATH="+bin+":"+os.Getenv("PATH"), "TERM=xterm", "HOME="+bin, "XDG_RUNTIME_DIR="+filepath.Join(bin, "run"))
				if at.p.login != "" {
					cmd.SysProcAttr = at.p.command(nil).SysProcAttr
				}
				x := newTerminal(t, at.p, 50, 200)
				x.start(cmd)
				x.press(shell.setup + "\r")
				x.press("ioc ready\r")
				x.wait("called: ready;")
				for _, c := range []struct{ typed, called string }{
					{"ioc resta\tw\t", "restart web"},
					{"ioc restart web d\tb\t", "restart web db"},
					{"ioc get templ\tweb", "get template web"},
					{"ioc set template=y\t web", "set template=yes web"},
					{"ioc set templ\ty\t web", "set template=yes web"},
					{"ioc create x host_hostn\ta", "create x host_hostname=a"},
					{"ioc create --release emb\tx", "create --release embedded x"},
					{"ioc snapshot rem\tdb@b\t", "snapshot remove db@before"},
					{"ioc clone db@be\tcopy", "clone db@before copy"},
					{"ioc --events nd\trecov\t", "--events ndjson recover"},
					{"ioc help vers\t", "help version"},
				} {
					x.press(c.typed + "\r")
					x.wait("called: ")
					x.wait(";")
					if got := x.last; got != c.called {
						t.Errorf("%q becomes %q, want %q", c.typed, got, c.called)
					}
				}
				x.press("exit\r")
				finish(t, cmd)
			})
		}
		if after := strings.Join(listing(t, at.dir), "\n"); after != before {
			t.Errorf("completing changed the root:\n%s\nwas\n%s", after, before)
		}
	})
}

// TestCompletionWithoutRights completes nothing, silently, where there is no root and where it may not be seen.
func TestCompletionWithoutRights(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		at.do("create", "web")
		closed := filepath.Join(at.dir, "root")
		if at.p.login != "" {
			if err := os.Lchown(closed, 0, 0); err != nil {
				t.Fatal(err)
			}
			defer os.Lchown(closed, at.p.uid, at.p.gid) //nolint:errcheck // the end of the test complains
		} else {
			closed = filepath.Join(at.dir, "none")
		}
		out, err := at.ioc("--root", closed, "__complete", "start", "").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), ":4\n") {
			t.Errorf("%v: %s", err, out)
		}
		if _, err := os.Lstat(filepath.Join(at.dir, "none")); err == nil {
			t.Error("completing made a root")
		}
	})
}

// listing are the names of all files below dir.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
