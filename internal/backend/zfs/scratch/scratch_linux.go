package scratch

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
	if os.Getenv(env) == "" && Missing() == "" {
		if err := enter(); err != nil {
			fmt.Fprintln(os.Stderr, "zfs: no mount namespace of its own:", err)
		}
	}
}

// Missing says why there can be no pool here; empty: there can.
func Missing() string {
	if os.Geteuid() != 0 {
		return "not root"
	}
	for _, program := range []string{"zfs-fuse", "zfs", "zpool", "cc"} {
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
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), env+"=inside", "TMPDIR="+dir))
}

var start = sync.OnceValue(serve) //nolint:gochecknoglobals // one for the process

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

// Serve makes the pool for a program that is no test.
func Serve() (name string, err error) {
	if os.Getenv(env) == "" {
		return "", errors.New("no ZFS here: " + Missing())
	}
	return pool, start()
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
		if err := Destroy(name); err != nil {
			t.Error(err)
		}
	})
	return name, at
}

// Destroy removes a file system and all below it and all clones. What was in use a moment ago is busy for that moment, on a
// busy machine a long one; zfs-fuse counts what was mounted a moment ago, so that goes first, all at once.
func Destroy(name string) error {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for _, line := range slices.Backward(strings.Split(string(text), "\n")) {
		source, rest, _ := strings.Cut(line, " ")
		at, _, _ := strings.Cut(rest, " ") // no name of ours has a space
		if source == name || strings.HasPrefix(source, name+"/") {
			_ = unix.Unmount(at, unix.MNT_DETACH) // if it stays, zfs says so
		}
	}
	for try := 1; ; try++ {
		err := command("zfs", "destroy", "-R", name)
		if err == nil || try == 50 {
			return err
		}
		time.Sleep(time.Duration(try) * 10 * time.Millisecond)
	}
}

//go:embed preload/zfs-fuse.c
var preload string

// serve starts the daemon, which ends with this process, and makes the pool.
func serve() error {
	repair := filepath.Join(dir, "zfs-fuse.so")
	source := repair + ".c"
	if err := os.WriteFile(source, []byte(preload), 0o600); err != nil {
		return err
	}
	if err := command("cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", repair, source); err != nil {
		return err
	}
	daemon := exec.Command("zfs-fuse", "--no-daemon", "--no-kstat-mount")
	daemon.Env = append(os.Environ(), "LD_PRELOAD="+repair)
	daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(filepath.Join(dir, "zfs-fuse.log"))
	if err != nil {
		return err
	}
	daemon.Stdout, daemon.Stderr = log, log
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the kernel counts the thread as the parent; it must not end before the process
		started <- daemon.Start()
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
			text, _ := os.ReadFile(log.Name())
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
	probe := filepath.Join(dir, "probe")
	err = command("zpool", "create", "-m", "none", pool, image)
	if err == nil {
		err = command("zfs", "create", "-o", "mountpoint="+probe, pool+"/probe")
	}
	go watch(daemon.Process, probe)
	return err
}

// watch ends a daemon that answers nobody. What waits for it fails then, which it would not otherwise: not even SIGKILL
// ends a process that waits for FUSE.
func watch(daemon *os.Process, probe string) {
	for {
		answered := make(chan error, 1)
		go func() {
			var st unix.Statfs_t
			answered <- errors.Join(unix.Statfs(probe, &st), command("zfs", "get", "-H", "name", pool+"/probe"))
		}()
		select {
		case err := <-answered:
			if err == nil {
				time.Sleep(5 * time.Second)
				continue
			}
			fmt.Fprintln(os.Stderr, "zfs-fuse:", err)
			if state, err := daemon.Wait(); err == nil {
				fmt.Fprintln(os.Stderr, "zfs-fuse:", state)
			}
			text, _ := os.ReadFile(filepath.Join(dir, "zfs-fuse.log"))
			fmt.Fprintf(os.Stderr, "%s", text)
		case <-time.After(time.Minute):
			fmt.Fprintln(os.Stderr, "zfs-fuse has not answered for a minute; it is ended, and the tests that wait for it fail")
		}
		_ = daemon.Kill()
		return
	}
}

func command(argv ...string) error {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %w: %s", argv, err, out)
	}
	return nil
}
