package scratch

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	env  = "IOC_ZFS_SCRATCH" // set in the namespace
	dir  = "/mnt"            // in memory there
	pool = "tank"
	// The places that zfs-fuse and its commands have compiled in.
	socket = "/var/run/zfs/zfs_socket"
)

// Enter replaces the process by itself in a mount namespace with room for a pool, unless it is there
// already. Where that is impossible it returns, and Pool skips. It must be called before there are threads that matter.
func Enter() {
	// Subtests that go on at once would make zfs-fuse lose a request now and then, which is waited for without end.
	if f := flag.Lookup("test.parallel"); os.Getenv("IOC_LONG") == "" && f != nil {
		_ = f.Value.Set("1")
	}
	if os.Getenv(env) == "" && Missing() == "" {
		if err := enter(); err != nil {
			fmt.Fprintln(os.Stderr, "zfs: no mount namespace of its own:", err)
		}
	}
}

// Missing says why there can be no pool here; empty: there can. It has to be asked for by IOC_ZFS=1: now and then
// zfs-fuse never answers for a file system that it has just mounted, and whoever looks into it waits for ever.
func Missing() string {
	if os.Getenv("IOC_ZFS") == "" {
		return "not asked for (make test-zfs does)"
	}
	if os.Geteuid() != 0 {
		return "not root"
	}
	for _, program := range []string{"zfs-fuse", "zfs", "zpool"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed (scripts/deps.sh does)"
		}
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return err.Error()
	}
	return ""
}

// enter makes the namespace. The directories of zfs-fuse that are covered need not exist on the host, but must here.
func enter() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, at := range []string{"/var/run/zfs", "/var/lib/zfs", "/var/lock/zfs", "/etc/zfs", dir} {
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", at, "tmpfs", 0, "size=4g,mode=1777"); err != nil {
			return fmt.Errorf("mount %s: %w", at, err)
		}
	}
	// Without caches in the kernel, so that what is seen is what is there, and with extended attributes.
	rc := "enable-xattr\nfuse-mount-options = default_permissions\nfuse-attr-timeout = 0\nfuse-entry-timeout = 0\nzfs-prefetch-disable\n"
	if err := os.WriteFile("/etc/zfs/zfsrc", []byte(rc), 0o600); err != nil {
		return err
	}
	path, err := oneAtATime()
	if err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), env+"=inside", "TMPDIR="+dir, "PATH="+path))
}

// oneAtATime puts a zfs before the real one that waits for others to end. zfs-fuse forgets to answer for a file system
// that it mounts while it mounts another: whoever looks into it waits for ever.
func oneAtATime() (path string, err error) {
	real, err := exec.LookPath("zfs")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "bin")
	script := "#!/bin/sh\ncase $1 in send) exec " + real + ` "$@";; esac` + "\nexec flock -F " + filepath.Join(dir, "lock") + " " + real + ` "$@"` + "\n"
	err = errors.Join(os.Mkdir(bin, 0o755), os.WriteFile(filepath.Join(bin, "zfs"), []byte(script), 0o755))
	return bin + ":" + os.Getenv("PATH"), err
}

var start = sync.OnceValue(func() error { return serve() }) //nolint:gochecknoglobals // one for the process

// Pool is the name of the pool, which is made when it is first asked for. Where there can be none the test is
// skipped, and says so loudly.
func Pool(t testing.TB) string {
	t.Helper()
	if os.Getenv(env) == "" {
		t.Skip("ZFS IS NOT TESTED HERE: " + Missing())
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	return pool
}

// FileSystem makes an empty file system for one test, mounted, and removes it with the test.
func FileSystem(t testing.TB) (name, at string) {
	t.Helper()
	p := Pool(t)
	at, err := os.MkdirTemp(dir, "fs-")
	if err != nil {
		t.Fatal(err)
	}
	name = p + "/" + filepath.Base(at)
	if err := command("zfs", "create", "-o", "mountpoint="+at, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var err error
		for range 500 { // what was in use a moment ago is busy for that moment, on a busy machine a long one
			if err = command("zfs", "destroy", "-R", name); err == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Error(err)
	})
	return name, at
}

// serve starts the daemon, which ends with this process, and makes the pool.
func serve() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the kernel counts the thread as the parent; it must not end before the process
		c := exec.Command("zfs-fuse", "--no-daemon", "--no-kstat-mount")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		log, err := os.Create(filepath.Join(dir, "zfs-fuse.log"))
		if err == nil {
			c.Stdout, c.Stderr = log, log
			err = c.Start()
		}
		started <- err
		select {}
	}()
	if err := <-started; err != nil {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(filepath.Join(dir, "zfs-fuse.log"))
			return fmt.Errorf("zfs-fuse does not answer: %w: %s", err, text)
		}
	}
	image := filepath.Join(dir, "pool.img")
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(8<<30), f.Close()); err != nil {
		return err
	}
	return command("zpool", "create", "-m", "none", pool, image)
}

func command(argv ...string) error {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %w: %s", argv, err, out)
	}
	return nil
}
