package ioc_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
)

// TestLinuxLimitsLive changes limits of a jail that runs: those of the whole jail in the kernel's files, those of each process for
// processes that begin from then on.
func TestLinuxLimitsLive(t *testing.T) {
	h := realHost(t)
	if f := h.Features(t.Context()).Sandbox; !f.Memory || !f.PIDs {
		t.Skipf("this host keeps no limits: %v", f.Why)
	}
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"memoryuse": "64M", "openfiles": "77"}}))
	must(t, web.Start())
	i, err := web.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	holds := func(want string, files ...string) {
		t.Helper()
		for _, dir := range i.Sandbox.Groups {
			for _, file := range files {
				if text, err := os.ReadFile(filepath.Join(dir, file)); err == nil && strings.TrimSpace(string(text)) == want {
					return
				}
			}
		}
		t.Errorf("none of %v in %v has %s", files, i.Sandbox.Groups, want)
	}
	holds("67108864", "memory.max", "memory.limit_in_bytes")
	changed := must(t, web.Set(map[string]string{"memoryuse": "96M", "openfiles": "55"}))
	for _, c := range changed {
		if c.Restart {
			t.Errorf("%s wants a restart", c.Property)
		}
	}
	holds("100663296", "memory.max", "memory.limit_in_bytes")
	if got, err := output(h, "web", "grep 'open files' /proc/self/limits"); err != nil || !strings.Contains(got, " 55 ") {
		t.Errorf("got %q, %v", got, err)
	}
	// The jail has more than that: nothing is changed, neither in the kernel nor in the configuration.
	if _, err := output(h, "web", "head -c 3000000 /dev/zero > /dev/shm/full"); err != nil {
		t.Fatal(err)
	}
	if _, err := web.Set(map[string]string{"memoryuse": "4K", "notes": "x"}).Do(t.Context()); err != nil { // cgroup2 kills instead
		holds("100663296", "memory.max", "memory.limit_in_bytes")
		if now, err := web.Info(t.Context()); err != nil || now.Value("memoryuse") != "96M" || now.Value("notes") != "" {
			t.Errorf("got %q, %v", now.Value("memoryuse"), err)
		}
	}
	must(t, web.Stop(ioc.StopOptions{}))
	want(t, fault.NotSupported, web.Set(map[string]string{"wallclock": "5"}))
	nothingLeft(t, h)
}

// TestLinuxDevices gives a jail a device, and no other.
func TestLinuxDevices(t *testing.T) {
	h := realHost(t)
	device := ""
	for _, name := range []string{"/dev/fuse", "/dev/net/tun", "/dev/kvm", "/dev/kmsg"} {
		if info, err := os.Stat(name); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			device = name
			break
		}
	}
	if device == "" {
		t.Skip("this host has no device to give away")
	}
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	must(t, web.Start())
	if got, err := output(h, "web", "ls /dev"); err != nil || strings.Join(strings.Fields(got), " ") !=
		"fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	must(t, web.Set(map[string]string{"devices": device}))
	must(t, web.Start())
	if got, err := output(h, "web", "test -c "+device+" && (exec 3<"+device+") && echo opened"); err != nil || got != "opened" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, web.Stop(ioc.StopOptions{}))
	must(t, web.Set(map[string]string{"devices": "/etc/passwd"}))
	want(t, fault.Invalid, web.Start())
	nothingLeft(t, h)
}

// TestLinuxFrozen does not wait for a jail that is held still.
func TestLinuxFrozen(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{}))
	must(t, web.Start())
	i, err := web.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	freezer := ""
	for _, dir := range i.Sandbox.Groups {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.freeze")); err == nil {
			freezer = filepath.Join(dir, "cgroup.freeze")
		}
	}
	if freezer == "" {
		t.Skip("this host holds no jail still")
	}
	if err := os.WriteFile(freezer, []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	err = want(t, fault.Busy, web.Exec(command("/bin/true")))
	if err == nil || !strings.Contains(err.Error(), "it is held still") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(freezer, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := output(h, "web", "true"); err != nil {
		t.Error(err)
	}
	// It can be stopped as it is.
	if err := os.WriteFile(freezer, []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	must(t, web.Stop(ioc.StopOptions{Force: true}))
	nothingLeft(t, h)
}
