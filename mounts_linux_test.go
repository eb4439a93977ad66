package ioc_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

// TestLinuxMounts mounts directories, a file and a file system in memory in a jail, at its start and while it runs.
func TestLinuxMounts(t *testing.T) {
	h := realHost(t)
	dir := filepath.Join(filepath.Dir(h.Root()), "srv")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "page"), []byte("hello\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "prog"), []byte("#!/bin/sh\necho ran\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	says := func(script, want string) {
		t.Helper()
		if got, err := output(h, "web", script); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", script, got, err, want)
		}
	}
	check := func(when string) {
		t.Helper()
		says("cat /www/page", "hello")
		says("/www/prog; { echo x > /www/new; } 2>/dev/null || echo read-only", "ran\nread-only")
		says("cat /rw/one; /rw/prog 2>/dev/null || echo no; cat /etc/page", "1\nno\nhello")
		says("mkdir -p /mem/d; echo y > /mem/d/f; cat /mem/d/f", "y")
		if t.Failed() {
			t.Fatal(when)
		}
	}
	all := []jail.Mount{
		{Source: dir, Target: "/www", Type: "bind", Options: []string{"ro"}, Comment: "the site"},
		{Source: dir, Target: "/rw", Options: []string{"noexec", "nosuid"}},
		{Source: filepath.Join(dir, "page"), Target: "/etc/page"},
		{Target: "/mem", Type: "tmpfs", Options: []string{"size=64k"}},
	}
	must(t, web.Start())
	for _, m := range all {
		must(t, web.AddMount(m))
		skipped(t, web.AddMount(m))
	}
	says("echo 1 > /rw/one", "")
	check("live")
	says("dd if=/dev/zero of=/mem/big bs=1k count=100 2>/dev/null || echo full", "full")
	want(t, fault.Exists, web.AddMount(jail.Mount{Source: "/", Target: "/www"}))

	// A mount that is used stays, in the jail and in the file.
	was, err := web.Mounts(t.Context())
	if err != nil || len(was) != len(all) || was[0].Comment != "the site" {
		t.Errorf("got %v, %v", was, err)
	}
	ctx, leave := context.WithCancel(t.Context())
	entered, left := make(chan struct{}), make(chan struct{})
	o := command("/bin/sleep", "1000")
	o.Process.Dir = "/mem"
	o.Attach = func(sandbox.Session) func() { close(entered); return nil }
	go func() {
		defer close(left)
		_, _ = web.Exec(o).Do(ctx) // it is broken off
	}()
	<-entered
	want(t, fault.Busy, web.RemoveMount("/mem"))
	check("after a refusal")
	leave()
	<-left

	// Started with them it has them, too; and none is left on the host.
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
	must(t, web.Start())
	check("at start")
	must(t, web.RemoveMount("/mem"))
	must(t, web.RemoveMount(filepath.Join(dir, "page")))
	must(t, web.RemoveMount("/www"))
	skipped(t, web.RemoveMount("/www"))
	says("ls /mem /www; test ! -s /etc/page && echo gone", "/mem:\n\n/www:\ngone")
	must(t, web.AddMount(all[0]))
	says("cat /www/page", "hello")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("the directory was changed: %v, %v", entries, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}

// TestLinuxMountsHostile has links in the jail's root where mounts are to go: none of them leads anywhere.
func TestLinuxMountsHostile(t *testing.T) {
	h := realHost(t)
	outside := filepath.Join(filepath.Dir(h.Root()), "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	must(t, web.Start())
	if _, err := output(h, "web", "ln -s "+outside+" /abs; ln -s ../../../../.."+outside+" /rel; ln -s /etc /in; mkdir /dir; ln -s /proc/1/root /dir/magic"); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/abs", "/abs/x", "/rel", "/rel/x", "/in/x", "/dir/magic/x", "/dir/magic"} {
		m := jail.Mount{Target: target, Type: "tmpfs"}
		if _, err := eventstest.Verify(t, web.AddMount(m)); err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%s: got %v", target, err)
		}
	}
	for _, m := range []jail.Mount{
		{Target: "/../x", Type: "tmpfs"},
		{Target: "x", Type: "tmpfs"},
		{Target: "/", Type: "tmpfs"},
		{Target: "/proc/self", Type: "tmpfs"},
		{Source: "srv", Target: "/x"},
		{Source: "/no/such", Target: "/x"},
		{Target: "/x", Type: "tmpfs", Options: []string{"dev"}},
		{Target: "/x", Type: "tmpfs", Options: []string{"size=1 0"}},
		{Source: "/srv\n", Target: "/x"},
		{Target: "/x", Type: "tmpfs", Comment: "a\nb"},
	} {
		want(t, fault.Invalid, web.AddMount(m))
	}
	want(t, fault.NotSupported, web.AddMount(jail.Mount{Target: "/x", Type: "procfs"}))
	if all, err := web.Mounts(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}

	// So it is at a start.
	must(t, web.Stop(ioc.StopOptions{}))
	must(t, web.AddMount(jail.Mount{Target: "/abs/x", Type: "tmpfs"}))
	if _, err := eventstest.Verify(t, web.Start()); err == nil || !strings.Contains(err.Error(), "too many levels of symbolic links") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside: %v, %v", entries, err)
	}
	in(t, h.Jail("web"), jail.Stopped)

	// A file that cannot be read says where.
	i, err := web.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(i.Dir, "fstab"), []byte("# one\n/a /b nullfs ro x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := eventstest.Verify(t, web.Start()); err == nil || !strings.Contains(err.Error(), `fstab:2:17: "x" is not a number`) {
		t.Errorf("got %v", err)
	}
	// What older tools made, libioc's names of places, and what it will make again are understood.
	text := "/usr/none\t/bin\tnullfs\tro\t0\t0\t# iocage-auto\ntmpfs\t" + i.Dir + "/root/data\ttmpfs\trw\t0\t0\n"
	if err := os.WriteFile(filepath.Join(i.Dir, "fstab"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, web.Start())
	if got, err := output(h, "web", "grep -c ' /data ' /proc/self/mounts"); err != nil || got != "1" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}

// TestLinuxMountsNested mounts a directory, and one that lies in it: what a jail puts in the place of that leads nowhere, neither
// for itself nor for another jail, neither at a start nor while it runs.
func TestLinuxMountsNested(t *testing.T) {
	h := realHost(t)
	base := filepath.Dir(h.Root())
	data, secret, alias := filepath.Join(base, "data"), filepath.Join(base, "secret"), filepath.Join(base, "alias")
	sub := filepath.Join(data, "sub")
	if err := errors.Join(os.MkdirAll(filepath.Join(sub, "deep"), 0o755), os.Mkdir(secret, 0o755), os.Mkdir(filepath.Join(secret, "deep"), 0o755),
		os.WriteFile(filepath.Join(secret, "key"), []byte("key"), 0o600), os.WriteFile(filepath.Join(sub, "mine"), nil, 0o600), os.Symlink(data, alias)); err != nil {
		t.Fatal(err)
	}
	web, db := h.JailGenerator("web"), h.JailGenerator("db")
	must(t, web.Create(ioc.CreateOptions{}))
	must(t, db.Create(ioc.CreateOptions{}))
	must(t, web.AddMount(jail.Mount{Source: data, Target: "/data"}))
	must(t, web.AddMount(jail.Mount{Source: sub, Target: "/sub"}))
	must(t, db.AddMount(jail.Mount{Source: filepath.Join(alias, "sub", "deep"), Target: "/sub", Options: []string{"ro"}}))
	must(t, web.Start())
	must(t, db.Start())
	if got, err := output(h, "web", "ls /sub"); err != nil || got != "deep\nmine" {
		t.Errorf("/sub has %q, %v", got, err)
	}
	must(t, db.Stop(ioc.StopOptions{}))
	if _, err := output(h, "web", "rm -r /data/sub; ln -s "+secret+" /data/sub"); err != nil {
		t.Fatal(err)
	}
	for name, op := range map[string]func() error{
		"live": func() error { return h.Jail("web").AddMount(t.Context(), jail.Mount{Source: sub, Target: "/other"}) },
		"alias": func() error {
			return h.Jail("web").AddMount(t.Context(), jail.Mount{Source: filepath.Join(alias, "sub"), Target: "/other"})
		},
		"restart": func() error { return h.Jail("web").Restart(t.Context(), ioc.StopOptions{}) },
		"another": func() error { return h.Jail("db").Start(t.Context()) },
	} {
		if err := op(); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := output(h, "web", "test -e /sub/key || test -e /other || echo none"); err != nil || got != "none" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}
