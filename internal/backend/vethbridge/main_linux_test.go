package vethbridge_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/backend/vethbridge"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/network/networktest"
)

// ownEnv says that this process is in a network namespace that it alone has.
const ownEnv = "IOC_VETHBRIDGE_OWN"

// TestMain executes the tests again in a network namespace of their own, which takes all they make along when it ends.
func TestMain(m *testing.M) {
	if os.Getenv("IOC_VETHBRIDGE_HOLD") != "" {
		_, _ = os.Stdin.Read(make([]byte, 1)) // until nobody holds the other end
		os.Exit(0)
	}
	if os.Getenv(ownEnv) == "" && os.Geteuid() == 0 {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), ownEnv+"=1"))
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// needsNetwork skips a test where no network can be made.
func needsNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("interfaces: needs root")
	}
}

// TestDriver holds the driver against the contract.
func TestDriver(t *testing.T) {
	needsNetwork(t)
	before := links(t)
	networktest.Suite{
		New: func(t *testing.T, dir, _ string) (network.Driver, func() []string) {
			t.Helper()
			return newDriver(dir), func() []string { return left(t, dir, before) }
		},
		Inside: inside,
	}.Run(t)
}

func newDriver(dir string) *vethbridge.Driver {
	return vethbridge.New(vethbridge.Options{
		Run: filepath.Join(dir, "run"), State: filepath.Join(dir, "state"), Boot: "0a1b2c3d", Group: "1a2b3c4d", ResolvConf: filepath.Join(dir, "resolv.conf"),
	})
}

// inside makes a network namespace that lasts as long as the test: a process that does nothing else holds it.
func inside(t *testing.T) network.Inside {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "IOC_VETHBRIDGE_HOLD=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	hold, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = hold.Close()
		_ = cmd.Wait() // how it ends does not matter
	})
	return func(context.Context) (network.Stack, error) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid))
		return network.Stack{File: f}, err
	}
}

func links(t *testing.T) []string {
	t.Helper()
	all, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range all {
		names = append(names, l.Attrs().Name)
	}
	return names
}

// left lists interfaces that were not there before, and files.
func left(t *testing.T, dir string, before []string) []string {
	t.Helper()
	var all []string
	for _, name := range links(t) {
		if !slices.Contains(before, name) {
			all = append(all, name)
		}
	}
	for _, below := range []string{"run", "state"} {
		_ = filepath.WalkDir(filepath.Join(dir, below), func(path string, d fs.DirEntry, err error) error {
			if err == nil {
				text, _ := os.Readlink(path) // of those that are links
				all = append(all, strings.TrimPrefix(path, dir)+" "+text)
			}
			return nil
		})
	}
	return all
}
