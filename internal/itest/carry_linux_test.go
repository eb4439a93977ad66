package itest

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
)

// TestNetworkOfUser runs the next test as an ordinary user, on a host that reaches another machine and has a server of its own
// on its loopback.
func TestNetworkOfUser(t *testing.T) {
	network(t)
	for _, name := range []string{"pasta", "slirp4netns"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	tunnels(t)
	o := newOutside(t)
	o.serve(t)
	uplink, err := netlink.LinkByName("uplink")
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []net.IP{net.IPv4(198, 51, 100, 2), net.ParseIP("fd00:51::2")} { // it goes with the interface
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: uplink.Attrs().Index, Gw: by}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp4", "127.0.0.1:8888")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	dir, program := userPlace(t, false)
	out, err := asUser(t, dir, program, "^TestCarried$")
	if err != nil || strings.Contains(out, "--- SKIP") || !strings.Contains(out, "--- PASS: TestCarried") {
		t.Errorf("%v\n%s", err, out)
	}
}

// tunnels lets everybody make the kind of interface that the programs make, as most systems do, in the tests' own mounts.
func tunnels(t testing.TB) {
	t.Helper()
	if info, err := os.Stat("/dev/net/tun"); err != nil || info.Mode().Perm() == 0o666 {
		return
	}
	if err := unix.Mount("tmpfs", "/dev/net", "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount("/dev/net", unix.MNT_DETACH) })
	const tun = "/dev/net/tun"
	if err := errors.Join(unix.Mknod(tun, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 200))), os.Chmod(tun, 0o666)); err != nil {
		t.Fatal(err)
	}
}

// TestCarried is for TestNetworkOfUser.
func TestCarried(t *testing.T) {
	if !ordinary() {
		t.Skip("it is run by TestNetworkOfUser")
	}
	n := anyNetwork(t)
	n.create("web", "vnet=yes", "nat=yes", "nat_forwards=tcp(80:8080)", "stop_timeout=1", "exec_start="+serves)
	world := look(t, n.root)
	outside := func(t *testing.T) {
		t.Helper()
		n := &networked{n.Host, t, n.root}
		if text := n.reaches("web", "wget", "-q", "-O", "-", "http://198.51.100.2/"); text != "198.51.100.1" {
			t.Errorf("it asked as %q, want the host's address", text)
		}
	}
	t.Run("pasta", func(t *testing.T) {
		n.start("web")
		outside(t)
		if text, err := get(nil, "127.0.0.1:8080", "/hosts"); err != nil || !strings.Contains(text, "localhost") {
			t.Errorf("the host's port: %q, %v", text, err)
		}
		n.misses("web", "wget", "-q", "-O", "-", "-T", "2", "http://198.51.100.2:8888/") // its router is not the host's loopback
		if err := loses(n.Host); err != nil {
			t.Fatal(err)
		}
		if _, err := get(nil, "127.0.0.1:8080", "/hosts"); err == nil {
			t.Error("the port answers without the program")
		}
		if _, err := n.JailGenerator("web").Start().Do(t.Context()); err != nil { // it is started again
			t.Fatal(err)
		}
		outside(t)
		if text, err := get(nil, "127.0.0.1:8080", "/hosts"); err != nil || !strings.Contains(text, "localhost") {
			t.Errorf("the host's port after another start: %q, %v", text, err)
		}
		if err := n.Jail("web").Destroy(t.Context(), ioc.DestroyOptions{}); !errors.Is(err, fault.Busy) {
			t.Errorf("destroy while it runs: %v", err)
		}
		n.stop("web")
		same(t, n.root, world)
		if text, err := get(nil, "127.0.0.1:8080", "/hosts"); err == nil {
			t.Errorf("the port of a stopped jail answers %q", text)
		}
	})
	t.Run("port_taken", func(t *testing.T) {
		l, err := net.Listen("tcp4", "0.0.0.0:8080")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, err := eventstest.Verify(t, n.JailGenerator("web").Start()); !errors.Is(err, fault.Busy) || !strings.Contains(err.Error(), "port 8080 of the host (tcp)") {
			t.Errorf("got %v", err)
		}
		same(t, n.root, world)
	})
	for _, die := range []string{"journaled-network.carry", "done-network.carry", "committed-jail.start"} {
		t.Run(die, func(t *testing.T) {
			if _, a, err := (task{Root: n.root, Jail: "web", Do: []string{"start"}, Die: die}).run(t.Context(), t.TempDir()); err != nil || a.Error != "signal: killed" {
				t.Fatalf("%v, %v", a, err)
			}
			task{Root: n.root, Jail: "web", Do: []string{"recover", "stop"}}.must(t)
			same(t, n.root, world)
		})
	}
	only := func(t *testing.T, programs ...string) {
		t.Helper()
		dir := t.TempDir()
		for _, name := range programs {
			path, err := exec.LookPath(name)
			if err == nil {
				err = os.Symlink(path, filepath.Join(dir, name))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", dir)
	}
	set := func(properties map[string]string) {
		t.Helper()
		if _, err := n.Jail("web").Set(t.Context(), properties); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("slirp_ports", func(t *testing.T) {
		only(t, "slirp4netns")
		if _, err := eventstest.Verify(t, n.JailGenerator("web").Start()); !errors.Is(err, fault.NotSupported) || !strings.Contains(err.Error(), "leads none to a jail") {
			t.Errorf("got %v", err)
		}
	})
	set(map[string]string{"nat_forwards": "", "exec_start": ""})
	t.Run("slirp", func(t *testing.T) {
		only(t, "slirp4netns")
		world := look(t, n.root)
		n.start("web")
		outside(t)
		n.stop("web")
		same(t, n.root, world)
	})
	t.Run("nothing", func(t *testing.T) {
		only(t)
		evs, _, err := eventstest.Record(t, n.JailGenerator("web").Start())
		if err != nil {
			t.Fatal(err)
		}
		if got := eventstest.Outline(evs); !strings.Contains(got, "skipped (the jail reaches nobody: neither pasta nor slirp4netns is installed") {
			t.Errorf("nothing was said:\n%s", got)
		}
		n.misses("web", "wget", "-q", "-O", "-", "-T", "2", "http://198.51.100.2/")
		n.stop("web")
	})
	t.Run("bridge", func(t *testing.T) {
		set(map[string]string{"interfaces": "eth0:bridge0"})
		if _, err := eventstest.Verify(t, n.JailGenerator("web").Start()); !errors.Is(err, fault.NotSupported) || !strings.Contains(strings.Join(fault.Remedies(err), " "), "nat=yes") {
			t.Errorf("got %v, %q", err, fault.Remedies(err))
		}
	})
}
