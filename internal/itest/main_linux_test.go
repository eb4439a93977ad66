package itest

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
)

// placePrefix begins the names of the directories of these tests. Each run has its own, and a lock on it.
const placePrefix = "ioc-itest-"

// TestMain is also every other process of these tests: the one that is killed, the one that recovers, and
// those that do what childEnv says.
func TestMain(m *testing.M) {
	become()
	isolate()
	if code, child := childMain(); child { // first: it may be a child of the others
		os.Exit(code)
	}
	eventstest.Child(append(sweepable(), powered()...)...)
	os.Exit(inPlace(m))
}

// ownEnv says that this process is in namespaces that these tests have for themselves.
const ownEnv = "IOC_ITEST_OWN"

// isolate executes the tests again where there are no interfaces but theirs, and no other notes on who uses those; both
// go with the last process of the tests, however it ends.
func isolate() {
	if os.Getenv(ownEnv) != "" || os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	const run = "/run/ioc"
	err := os.MkdirAll(run, 0o700)
	if err == nil {
		err = unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS)
	}
	if err == nil {
		err = errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("tmpfs", run, "tmpfs", 0, "mode=0700"))
	}
	var loopback netlink.Link // for what is fetched from a server of the tests
	if err == nil {
		loopback, err = netlink.LinkByName("lo")
	}
	if err == nil {
		err = netlink.LinkSetUp(loopback)
	}
	if err == nil { // a new network namespace has the value of the first one
		err = os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0)
	}
	if err == nil {
		err = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), ownEnv+"=1"))
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// inPlace runs the tests in a directory that is found again should they be killed.
func inPlace(m *testing.M) int {
	base, _ := os.LookupEnv("TMPDIR")
	if base == "" {
		base = "/tmp"
	}
	sweepPlaces(base)
	dir, err := os.MkdirTemp(base, placePrefix)
	if err == nil {
		err = os.Chmod(dir, 0o755) // for the tests as an ordinary user
	}
	var lock *os.File
	if err == nil {
		lock, err = os.Create(filepath.Join(dir, "lock"))
	}
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err == nil {
		err = os.Setenv("TMPDIR", dir) // of every cell, and of every child
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := errors.Join(clearBelow(dir), removeAll(dir), lock.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// removeAll leaves a wreck that somebody wants to see.
func removeAll(dir string) error {
	if os.Getenv("IOC_KEEP") != "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// sweepPlaces removes what killed runs left. A living one's place is locked.
func sweepPlaces(base string) {
	all, _ := filepath.Glob(filepath.Join(base, placePrefix+"*")) // the pattern is right
	for _, dir := range all {
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
		if err != nil {
			continue // it has just begun or ended
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			if err := errors.Join(clearBelow(dir), os.RemoveAll(dir)); err != nil {
				fmt.Fprintf(os.Stderr, "sweep %s: %v\n", dir, err)
			}
		}
		_ = lock.Close()
	}
}

// clearBelow ends the jails of all roots below dir.
func clearBelow(dir string) error {
	var all []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			return err
		case strings.HasSuffix(path, idSuffix): // of a root on a disk that may be gone
			id, err := os.ReadFile(path)
			all = append(all, err, razeID(filepath.Join(strings.TrimSuffix(path, idSuffix), "root"), string(id)))
			return nil
		case !d.IsDir():
			return nil
		case d.Name() == "layers" || d.Name() == "releases":
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, "layers")); err == nil {
			all = append(all, raze(path))
			return fs.SkipDir
		}
		return nil
	})
	return errors.Join(append(all, err)...)
}

// raze ends everything that a root has in the kernel, without any help of ioc's: that is what is tested.
func raze(root string) error {
	id, err := rootID(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return razeID(root, id)
}

// razeID does so for a root that may not be there any more.
func razeID(root, id string) error {
	procs, err := processesOf(root, id)
	if err != nil {
		return err
	}
	for _, p := range procs {
		if p.why == "files" { // somebody who looks
			p.close()
			continue
		}
		if err := p.kill(); err != nil && !errors.Is(err, unix.ESRCH) {
			p.close()
			return err
		}
		p.gone()
	}
	groups := groupsOf(id)
	slices.Reverse(groups) // the inner ones first
	var all []error
	for _, dir := range groups {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(append(all, razeNetwork(id))...)
}

// long tells whether the long tests are wanted.
func long() bool { return os.Getenv("IOC_LONG") != "" }

// needsJails skips the test where no jail can run.
func needsJails(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv(ordinaryEnv) == "" {
		t.Skip("real jails: needs root")
	}
	self, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	if slices.ContainsFunc(self.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Skip("real jails: needs a static program: CGO_ENABLED=0 go test")
	}
	if _, err := program(loops); err != nil {
		t.Skip("real jails: ", err)
	}
}

// open opens the root in a cell's directory.
func open(dir string) (*ioc.Host, error) {
	return ioc.Open(context.Background(), ioc.Options{Root: filepath.Join(dir, "root")})
}
