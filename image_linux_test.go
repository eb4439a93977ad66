package ioc_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/embedded"
	"github.com/libioc/ioc/sandbox"
)

// imaged is a source that says how its programs are meant to be run.
type imaged struct {
	release.Source
	release.Image
}

func (i imaged) Write(ctx context.Context, t release.Target) (release.Written, error) {
	got, err := i.Source.Write(ctx, t)
	got.Image = &i.Image
	return got, err
}

// TestLinuxImage: what an image says is what a command is run with that does not say otherwise.
func TestLinuxImage(t *testing.T) {
	h := realHost(t)
	if err := embedded.Available(); err != nil {
		t.Skip("left out: ", err)
	}
	fetched := must(t, h.Fetch(ioc.FetchOptions{}))
	tar := filepath.Join(t.TempDir(), "base.tar")
	out, err := os.Create(tar)
	if err != nil {
		t.Fatal(err)
	}
	pack := command("/bin/tar", "-c", "-f", "-", "-C", "/", "bin", "etc", "tmp")
	pack.Stdio.Out = out
	if exit := must(t, h.JailGenerator("pack").Run(ioc.RunOptions{Create: ioc.CreateOptions{Release: fetched.Name}, Exec: pack, Temporary: true})); exit.Code != 0 {
		t.Fatal(exit)
	}
	src := imaged{release.File(tar), release.Image{
		Entrypoint: []string{"/bin/sh", "-c", `echo "$A $B $(pwd) $(id -u) $*"`, "sh"}, Command: []string{"serve", "-v"},
		Env: []string{"A=image", "B=image", "PATH=/bin"}, User: "7:8", Dir: "/etc",
	}}
	must(t, h.Fetch(ioc.FetchOptions{Name: "image", Source: src}))
	for _, tc := range []struct {
		name string
		set  map[string]string
		p    sandbox.Process
		want string
	}{
		{"all", nil, sandbox.Process{}, "image image /etc 7 serve -v\n"},
		{"arguments", nil, sandbox.Process{Args: []string{"x"}}, "image image /etc 7 x\n"},
		{"asked", nil, sandbox.Process{Env: []string{"B=mine"}, Dir: "/tmp", User: sandbox.User{Name: "root"}}, "image mine /tmp 0 serve -v\n"},
		{"jail", map[string]string{"exec_jail_user": "3"}, sandbox.Process{}, "image image /etc 3 serve -v\n"},
	} {
		for _, temporary := range []bool{true, false} {
			said, err := os.Create(filepath.Join(t.TempDir(), "said"))
			if err != nil {
				t.Fatal(err)
			}
			exit := must(t, h.JailGenerator(tc.name).Run(ioc.RunOptions{
				Create: ioc.CreateOptions{Release: "image", Properties: tc.set}, Temporary: temporary,
				Exec: ioc.ExecOptions{Process: tc.p, Stdio: sandbox.Stdio{Out: said, Err: said}},
			}))
			text, err := os.ReadFile(said.Name())
			if err != nil || exit.Code != 0 || string(text) != tc.want {
				t.Errorf("%s, temporary %v: %v, %q, %v; want %q", tc.name, temporary, exit, text, err, tc.want)
			}
			said.Close()
		}
	}
}
