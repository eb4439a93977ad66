package itest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
)

// powerScenarios are those of the matrix in which no jail runs: what they leave is in files alone.
const powerScenarios = "create create-first clone clone-snapshot clone-thick rename snapshot snapshot-destroy rollback destroy destroy-several " +
	"set revert set-several set-defaults fetch fetch-stream fetch-published fetch-update prune release-destroy copy-in copy-out create-several mend-config"

// runningScenarios are those with a jail that runs before, after or meanwhile, and whose world it is in which it is stopped and all
// else is as before or as meant: "before", "after", or the scenario after which it is so.
var runningScenarios = map[string]string{ //nolint:gochecknoglobals // constant
	"start": "before", "start-hook": "before", "start-network": "before", "start-ready": "before",
	"stop": "after", "stop-hook": "after", "stop-force": "after", "restart": "stop", "exec": "stop",
}

// powerPrefix begins the names of the scenarios that are ended by a power cut.
const powerPrefix = "power-"

// hasPower tells whether the power is cut.
func (s *scenario) hasPower() bool {
	return slices.Contains(strings.Fields(powerScenarios), s.name) || runningScenarios[s.name] != ""
}

// powered are scenarios on a disk of their own, whose power is cut.
func powered() []eventstest.Scenario {
	var list []eventstest.Scenario
	for _, s := range all() {
		if s.hasPower() {
			list = append(list, s.powered())
		}
	}
	return list
}

// TestPowerCut ends operations by SIGKILL and, in the same moment, by the end of a file system that forgets
// what was not synced, in each cell of the crash matrix; recoveries, too, the killed ones and those that are complete. The world is
// as before or as meant nevertheless, and what was said to be done is done.
func TestPowerCut(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a disk of its own: needs root")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip("a disk of its own: ", err)
	}
	m := &matrix{worlds: map[string]eventstest.World{}}
	for _, s := range all() {
		if !s.hasPower() {
			continue
		}
		stopped := runningScenarios[s.name]
		t.Run(s.name, func(t *testing.T) {
			s.needs(t)
			if stopped != "" && !long() && !slices.Contains([]string{"start", "stop", "restart"}, s.name) {
				t.Skip("it is left to a long run, IOC_LONG=1")
			}
			w := eventstest.Dry(t, s.powered())
			var right []string
			if stopped == "" {
				right = m.expect(t, &s, w)
			} else {
				stopped = m.named(t, stopped, w)
			}
			cells := choose(w, !long())
			if !long() { // a disk takes its time: every tenth
				cells = slices.DeleteFunc(cells, func(c cell) bool { return c.kill.Point%2 == 0 })
			}
			t.Logf("%d points, %d cells", len(w.Points), len(cells))
			for _, c := range cells {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					e := s.powered()
					switch {
					case stopped != "":
						e.Allowed = oneOf(t, stopped)
					case right != nil:
						e.Allowed = oneOf(t, c.worlds(right, w)...)
					}
					eventstest.Crash(t, e, w, c.kill, uint64(c.kill.Point)+uint64(c.kill.Late)+uint64(c.kill.After))
				})
			}
		})
	}
}

// powered is the scenario on a disk of its own. What there was before is on it for good, whatever is cut later.
func (s *scenario) powered() eventstest.Scenario {
	e := s.harness()
	e.Name = powerPrefix + s.name
	setup, snapshot, cleanup := e.Setup, e.Snapshot, e.Cleanup
	e.Setup = func(dir string) error {
		if err := plug(dir); err != nil {
			return fmt.Errorf("disk: %w", err)
		}
		if err := setup(dir); err != nil {
			return err
		}
		id, err := rootID(filepath.Join(dir, "root"))
		return errors.Join(err, os.WriteFile(dir+idSuffix, []byte(id), 0o600))
	}
	e.Snapshot = func(dir string) (string, error) {
		if err := settled(dir); err != nil {
			return "", err
		}
		return snapshot(dir)
	}
	e.Cut = func(dir string) error {
		for _, step := range []func(string) error{cleanup, shutDown, unplug, mountDisk} {
			if err := step(dir); err != nil {
				return err
			}
		}
		return os.WriteFile(bootOf(dir), []byte(newBoot()), 0o600)
	}
	e.Cleanup = func(dir string) error { return errors.Join(cleanup(dir), unplug(dir)) }
	if runningScenarios[s.name] != "" {
		e.Recover = func(dir string) (eventstest.Operation, error) {
			h, err := open(dir)
			return eventstest.Run(cleared(h)), err
		}
	}
	for _, op := range []*func(string) (eventstest.Operation, error){&e.Operation, &e.Recover} {
		then := *op
		*op = func(dir string) (eventstest.Operation, error) {
			if err := booted(dir); err != nil {
				return eventstest.Operation{}, err
			}
			return then(dir)
		}
	}
	return e
}

// cleared is what a user does after a power cut: recover, and stop the jail that the machine's end has ended.
func cleared(h *ioc.Host) events.Op[struct{}] {
	return events.New(&events.Named{Type: "clear"}, func(s events.Step) (none struct{}, err error) {
		if _, err := events.Call(s, h.Recover()); err != nil {
			return none, err
		}
		_, err = events.Call(s, h.JailGenerator("web").Stop(ioc.StopOptions{}))
		return none, err
	}).With(h.Options()...)
}

// idSuffix is that of the file with the id of a cell's root, by which its jails are found when the tests were killed, and the
// disk went with them.
const idSuffix = ".rootid"

// diskOf is the file that a cell's disk is in, and bootOf the machine's boot id after its power was cut.
func diskOf(dir string) string { return dir + ".disk" }

func bootOf(dir string) string { return dir + ".boot" }

// plug makes a file system and mounts it at dir.
func plug(dir string) error {
	disk, err := os.OpenFile(diskOf(dir), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(disk.Truncate(96<<20), disk.Close())
	}
	if err != nil {
		return err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-O", "^resize_inode", "-E", "nodiscard", diskOf(dir)).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	return mountDisk(dir)
}

// mountDisk mounts the cell's disk. Nothing gets to it but what is synced: no timer writes (commit=), and no rename does
// (noauto_da_alloc). The loop device goes with the mount.
func mountDisk(dir string) error {
	disk, err := os.OpenFile(diskOf(dir), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer disk.Close()
	loop, err := attach(disk)
	if err != nil {
		return err
	}
	defer loop.Close()
	return unix.Mount(loop.Name(), dir, "ext4", 0, "commit=600,noauto_da_alloc")
}

// attach gives the file to a free loop device.
func attach(disk *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("find a loop device: %w", err)
		}
		loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		c := unix.LoopConfig{Fd: uint32(disk.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		if err = unix.IoctlLoopConfigure(int(loop.Fd()), &c); err == nil {
			return loop, nil
		}
		_ = loop.Close()
		if !errors.Is(err, unix.EBUSY) { // another was faster
			return nil, fmt.Errorf("attach %s: %w", loop.Name(), err)
		}
	}
}

// unplug unmounts the disk, if it is mounted, and waits until nobody has it: a child that was killed a moment ago had it mounted, too, and
// what the kernel writes when the last one lets go must not meet the next mount.
func unplug(dir string) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return err
	}
	used := fmt.Sprintf("/sys/dev/block/%d:%d/loop/backing_file", unix.Major(st.Dev), unix.Minor(st.Dev))
	mounted := true
	for end := time.Now().Add(bound); ; time.Sleep(time.Millisecond) {
		if mounted {
			err := unix.Unmount(dir, 0)
			if errors.Is(err, unix.EINVAL) { // it is not mounted
				return nil
			}
			mounted = err != nil // a child that is not executed yet has all files open
		}
		text, err := os.ReadFile(used)
		if !mounted && (err != nil || strings.TrimSpace(string(text)) != diskOf(dir)) {
			return nil // the device is free, or somebody else's
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is still used; mounted: %v", used, mounted)
		}
	}
}

// bound is how long a disk may take to be free.
const bound = 30 * time.Second

// shutDown ends a file system as a power cut does: what is in its log and not on the disk is gone (EXT4_IOC_SHUTDOWN with
// EXT4_GOING_FLAGS_NOLOGFLUSH, fs/ext4/ioctl.c).
func shutDown(dir string) error {
	const shutdown, noLogFlush = 0x8004587d, 2 // _IOR('X', 125, __u32)
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	how := uint32(noLogFlush)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); e != 0 {
		return fmt.Errorf("shut down %s: %w", dir, e)
	}
	return nil
}

// settled writes everything to the cell's disk.
func settled(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// newBoot is another boot id.
func newBoot() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/uuid") // else it is none, and the journal says so
	return string(text)
}

// booted lets this process see that the machine was booted since the power was cut. Its first goroutine alone does, which
// opens the root.
func booted(dir string) error {
	if _, err := os.Stat(bootOf(dir)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("boot id: %w", err)
	}
	return bootedAs(bootOf(dir))
}
