package overlay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
	"github.com/libioc/ioc/storage/storagetest"
)

// The tests mount. So that nothing of it is ever seen outside, also after they were killed, the
// test program first moves itself to a mount namespace of its own and keeps all state on a tmpfs there.
const (
	envStage = "IOC_OVERLAY_TEST" // empty, "inside", or what a child is for: "look", "crash"
	scratch  = "/mnt"
)

func TestMain(m *testing.M) {
	switch os.Getenv(envStage) {
	case "look":
		child(lookChild())
	case "crash":
		r := events.NewRegistry()
		overlay.Register(r)
		child(storagetest.Child(r, os.Stdin))
	case "inside":
	default:
		if os.Geteuid() == 0 {
			if err := enter(); err != nil {
				fmt.Println("overlay: tests run on the host's own file systems:", err)
			}
		}
	}
	os.Exit(m.Run())
}

func child(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// enter replaces this process by itself in a new mount namespace.
func enter() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", scratch, "tmpfs", 0, "size=2g,mode=1777"); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), envStage+"=inside", "TMPDIR="+scratch))
}

// world is a root directory below a temporary one.
type world struct {
	root string
	opts overlay.Options
}

func newWorld(o overlay.Options) func(t testing.TB) storagetest.World {
	return func(t testing.TB) storagetest.World {
		w := &world{root: filepath.Join(t.TempDir(), "root"), opts: o}
		w.Driver(t)
		t.Cleanup(func() { // the test's own cleanup cannot remove what forbids it
			if err := filetree.Remove(context.Background(), w.root); err != nil {
				t.Error(err)
			}
		})
		return w
	}
}

// Slow lets an ordinary run kill fewer processes where each change takes more of them, and where files are copied: the
// effects are those that root's suite kills everywhere.
func (w *world) Slow() storagetest.Spared {
	if os.Geteuid() != 0 || w.opts.Copies {
		return storagetest.Points
	}
	return storagetest.Nothing
}

func (w *world) Driver(t testing.TB) storage.Driver {
	d, err := overlay.Open(w.root, w.opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) Register(r *events.Registry) { overlay.Register(r) }

func (w *world) Edit(t testing.TB, d storage.Dataset, edits ...storagetest.Edit) {
	t.Helper()
	w.inside(t, d, edits)
}

func (w *world) Look(t testing.TB, d storage.Dataset) []string {
	t.Helper()
	return w.inside(t, d, nil)
}

// job is what happens to a mounted root file system: edits, or a look at it.
type job struct {
	Root  storage.Root
	Edits []storagetest.Edit
}

func (w *world) inside(t testing.TB, d storage.Dataset, edits []storagetest.Edit) []string {
	t.Helper()
	root, err := w.Driver(t).Root(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	j := job{root, edits}
	var lines []string
	if os.Geteuid() == 0 {
		lines, err = j.run(t.TempDir())
	} else {
		lines, err = j.inUserNamespace(t)
	}
	if err != nil {
		t.Fatalf("%s: %v", d, err)
	}
	return lines
}

func (j *job) run(at string) (lines []string, err error) {
	// A child that another test starts has our open files until it executes its program, and a file
	// that is open keeps the mount busy.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	dir := j.Root.Dir
	if j.Root.Overlay != nil {
		if err := mount(j.Root.Overlay, at); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, unix.Unmount(at, 0)) }()
		dir = at
	}
	if j.Edits != nil {
		return nil, storagetest.Apply(dir, j.Edits)
	}
	return storagetest.Look(dir)
}

// mount mounts as a jail does.
func mount(o *storage.Overlay, at string) error {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	set := func(key, value string) {
		if err == nil {
			if err = unix.FsconfigSetString(fd, key, value); err != nil {
				err = fmt.Errorf("%s=%s: %w", key, value, err)
			}
		}
	}
	for _, dir := range o.Lower {
		set("lowerdir+", dir)
	}
	set("upperdir", o.Upper)
	set("workdir", o.Work)
	set("index", "off")
	set("metacopy", "off")
	if o.UserXattr {
		if err == nil {
			err = unix.FsconfigSetFlag(fd, "userxattr")
		}
	} else {
		set("redirect_dir", "nofollow")
	}
	if err == nil {
		err = unix.FsconfigCreate(fd)
	}
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	mfd, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(mfd)
	return unix.MoveMount(mfd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// inUserNamespace runs the job as root of a user namespace, in a child: the mount ends with it.
func (j *job) inUserNamespace(t testing.TB) ([]string, error) {
	cmd := childCommand("look")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   unix.SIGKILL,
	}
	in, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd.Stdin = bytes.NewReader(in)
	cmd.Env = append(cmd.Env, "IOC_OVERLAY_AT="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		if ee, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, ee.Stderr)
		}
		return nil, err
	}
	var lines []string
	return lines, json.Unmarshal(out, &lines)
}

func lookChild() error {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		return err
	}
	lines, err := j.run(os.Getenv("IOC_OVERLAY_AT"))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(lines)
}

func childCommand(what string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envStage+"="+what)
	return cmd
}

func (w *world) Crash(t testing.TB, in []byte) bool {
	t.Helper()
	cmd := childCommand("crash")
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if ee, ok := errors.AsType[*exec.ExitError](err); ok && ee.Sys().(syscall.WaitStatus).Signaled() {
		return false
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return true
}

// State leaves out what the kernel keeps in its work directories: it comes with the first mount.
func (w *world) State(t testing.TB) []string {
	t.Helper()
	lines, err := storagetest.Everything(w.root, func(name string) bool { return strings.HasSuffix(name, "/work/work") })
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range lines {
		if !strings.Contains(line, "/fs/") && !strings.Contains(line, "/root/") {
			lines[i] = timeOf.ReplaceAllString(line, "") // of a small file that was replaced
		}
	}
	return lines
}

var timeOf = regexp.MustCompile(` \d{4}-\d\d-\d\dT[0-9:.]+`)
