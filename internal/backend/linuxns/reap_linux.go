package linuxns

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/events"
)

// Reap is the effect that ends, after the commit, what is left of a start that no record has. The name is
// used once, and a process is named by its start time too, so that nothing else can be met.
type Reap struct {
	Name    string   // of the start
	Groups  []string `json:",omitempty"` // its cgroup directories
	Run     string   `json:",omitempty"` // its file
	PID     int      `json:",omitempty"`
	Started uint64   `json:",omitempty"`
	Boot    string   `json:",omitempty"`
	Empty   string   `json:",omitempty"` // a directory that is removed if nothing is in it
}

var _ events.Effect = (*Reap)(nil)

// EventType is sandbox.reap.
func (*Reap) EventType() string { return "sandbox.reap" }

// EventTitle is for people.
func (r *Reap) EventTitle() string { return "end what is left of " + r.Name }

// EventKey is the start's name.
func (r *Reap) EventKey() string { return r.Name }

// Volatile is true: a reboot leaves nothing of it.
func (*Reap) Volatile() bool { return true }

// Do kills, waits until all of it is gone, and removes what it was in.
func (r *Reap) Do(ctx context.Context) error {
	if r.Empty != "" {
		return removeEmpty(r.Empty)
	}
	t := target{what: r.Name, run: r.Run, id: identity{r.PID, r.Started, r.Boot}, session: true, lost: true}
	if i := slices.IndexFunc(r.Groups, isUnified); i >= 0 {
		t.unified = r.Groups[i]
	}
	if err := t.end(ctx, bootID()); err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	var failed []error
	for _, dir := range r.Groups {
		if err := removeGroup(ctx, dir); err != nil {
			failed = append(failed, cgroupError("remove", dir, err))
			continue
		}
		_ = os.Remove(filepath.Dir(dir)) // fails while another jail is in it
	}
	return errors.Join(failed...)
}

// removeEmpty removes a cgroup directory. One that is used by now, or gone, is not an error.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if err == nil || errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EBUSY) {
		return nil
	}
	return cgroupError("remove", dir, err)
}

// Undo cannot: the effect is only ever deferred.
func (*Reap) Undo(context.Context) error { return nil }
