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
	return insist("zfs", "destroy", "-R", name)
}

// DestroyPool removes another pool that a test has made; see Destroy.
func DestroyPool(name string) error { return insist("zpool", "destroy", "-f", name) }

func insist(argv ...string) error {
	for try := 1; ; try++ {
		err := command(argv...)
		if err == nil || try == 50 {
			return err
		}
		time.Sleep(time.Duration(try) * 10 * time.Millisecond)
	}
}

//go:embed preload/zfs-fuse.c
var preload string

// serve starts the daemon and makes the pool.
func serve() error {
	source := repair + ".c"
	if err := os.WriteFile(source, []byte(preload), 0o600); err != nil {
		return err
	}
	if err := command("cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", repair, source); err != nil {
		return err
	}
	if err := launch(); err != nil {
		return err
	}
	image := filepath.Join(dir, "pool.img")
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(8<<30), f.Close()); err != nil {
		return err
	}
	err = command("zpool", "create", "-m", "none", pool, image)
	if err == nil {
		err = command("zfs", "create", "-o", "mountpoint="+probe, pool+"/probe")
	}
	daemon.watched()
	return err
}

// repair is loaded into zfs-fuse, and probe is a file system that answers if it does.
const (
	repair = dir + "/zfs-fuse.so"
	probe  = dir + "/probe"
)

// daemon is the zfs-fuse that serves the pool. What changes it is not called at once with anything else here.
var daemon server //nolint:gochecknoglobals // one for the process

type server struct {
	cmd *exec.Cmd
	end chan struct{} // closed when it is to end
}

func (s *server) watched() {
	s.end = make(chan struct{})
	go watch(s.cmd, s.end)
}

// Cut lets the power of the pool go, and come again: what zfs-fuse has not written yet is gone, and its file systems are
// mounted anew. Nobody else may use the pool meanwhile.
func Cut() error {
	names, err := exec.Command("zfs", "list", "-H", "-o", "name").Output()
	if err != nil {
		return err
	}
	served := strings.Split(string(names), "\n") // a test may have mounted what only looks so
	close(daemon.end)
	if err := daemon.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = daemon.cmd.Wait() // it was killed
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if strings.HasPrefix(f[2], "fuse") && slices.Contains(served, f[0]) {
			_ = unix.Unmount(f[1], unix.MNT_DETACH) // what is mounted in another one goes with that, and has no way to it
		}
	}
	if err := errors.Join(os.Remove(socket), launch()); err != nil {
		return err
	}
	if command("zpool", "list", pool) != nil { // it is no longer noted as imported
		if err := command("zpool", "import", "-f", "-d", dir, pool); err != nil {
			return err
		}
	}
	err = command("zfs", "mount", "-a")
	daemon.watched()
	return err
}

// Settle writes to the pool all that it was told.
func Settle() error { return command("zfs", "set", "ioc:settled="+time.Now().String(), pool+"/probe") }

// launch starts the daemon, which ends with this process, and waits until it answers.
func launch() error {
	cmd := exec.Command("zfs-fuse", "--no-daemon", "--no-kstat-mount")
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+repair)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(filepath.Join(dir, "zfs-fuse.log"))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the kernel counts the thread as the parent; it must not end before the process
		started <- cmd.Start()
		select {}
	}()
	if err := <-started; err != nil {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err == nil {
			daemon.cmd = cmd
			return c.Close()
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("zfs-fuse does not answer: %w: %s", err, text)
		}
	}
}

// watch ends a daemon that answers nobody. What waits for it fails then, which it would not otherwise: not even SIGKILL
// ends a process that waits for FUSE.
func watch(cmd *exec.Cmd, end <-chan struct{}) {
	for {
		answered := make(chan error, 1)
		go func() {
			var st unix.Statfs_t
			answered <- errors.Join(unix.Statfs(probe, &st), command("zfs", "get", "-H", "name", pool+"/probe"))
		}()
		select {
		case <-end:
			return
		case err := <-answered:
			select {
			case <-end:
				return
			default:
			}
			if err == nil {
				select {
				case <-end:
					return
				case <-time.After(5 * time.Second):
				}
				continue
			}
			fmt.Fprintln(os.Stderr, "zfs-fuse:", err)
			_ = cmd.Wait() // the state says how it ended
			fmt.Fprintln(os.Stderr, "zfs-fuse:", cmd.ProcessState)
			text, _ := os.ReadFile(filepath.Join(dir, "zfs-fuse.log"))
			fmt.Fprintf(os.Stderr, "%s", text)
		case <-time.After(time.Minute):
			fmt.Fprintln(os.Stderr, "zfs-fuse has not answered for a minute; it is ended, and the tests that wait for it fail")
		}
		_ = cmd.Process.Kill()
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
