package linuxns

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// Freeze is the effect that holds a jail still.
type Freeze struct {
	Jail string // its id
	Dir  string // its cgroup2 directory

	still *sync.RWMutex
}

// EventType is sandbox.freeze.
func (f *Freeze) EventType() string { return "sandbox.freeze" }

// EventTitle is for people.
func (f *Freeze) EventTitle() string { return "hold jail " + f.Jail + " still" }

// EventKey is the jail's id.
func (f *Freeze) EventKey() string { return f.Jail }

// Volatile is true: no process survives a reboot.
func (f *Freeze) Volatile() bool { return true }

// Freeze plans to hold a jail still.
func (d *Driver) Freeze(j sandbox.State) (events.Effect, error) {
	dir := unifiedOf(j.Groups)
	if dir == "" {
		return nil, fault.Unsupported("holding a jail still", "a cgroup2 directory of its own, which it has not")
	}
	return &Freeze{j.ID, dir, &d.still}, nil
}

// frozen says that processes of a cgroup2 directory are held still, or are about to be.
func frozen(dir string) bool {
	own, err := os.ReadFile(filepath.Join(dir, "cgroup.freeze"))
	if err == nil && strings.TrimSpace(string(own)) == "1" {
		return true
	}
	all, err := os.ReadFile(filepath.Join(dir, "cgroup.events")) // by one further up, too
	return err == nil && strings.Contains(string(all), "frozen 1")
}

// Do freezes, and waits until every process has stopped where it stops: on its way back from the kernel.
func (f *Freeze) Do(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := f.begin(); err != nil {
		return cgroupError("freeze", f.Dir, err)
	}
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(f.Dir, "cgroup.events"))
		if err != nil {
			return cgroupError("freeze", f.Dir, err)
		}
		if strings.Contains(string(b), "frozen 1") {
			return nil
		}
		if wait(ctx, pause) != nil {
			return fault.New("freeze", fault.Timeout, "jail "+f.Jail,
				errors.New("a process is busy in the kernel: "+strings.Join(members(f.Dir), " ")))
		}
	}
}

// begin waits for processes of this driver's that are being made.
func (f *Freeze) begin() error {
	if f.still != nil {
		f.still.Lock()
		defer f.still.Unlock()
	}
	return writeFile(filepath.Join(f.Dir, "cgroup.freeze"), "1")
}

// Undo lets the jail go on. One that has ended meanwhile has nothing to go on with.
func (f *Freeze) Undo(context.Context) error {
	err := writeFile(filepath.Join(f.Dir, "cgroup.freeze"), "0")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return cgroupError("thaw", f.Dir, err)
	}
	return nil
}
