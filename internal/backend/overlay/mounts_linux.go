package overlay

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// mounts finds mounts that this process sees on this root's datasets, or of its layers. There are none of
// ioc's: those of a jail are in the jail's own mount namespace, and end with it.
func (l layout) mounts(context.Context) ([]doctor.Finding, error) {
	all, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, err
	}
	var found []doctor.Finding
	for _, m := range all {
		of, at := l.isOverlay(m), l.holds(m.Mountpoint)
		if !of && !at {
			continue
		}
		f := doctor.Finding{
			Kind: "mount.left", Subject: m.Mountpoint, Class: doctor.Debris,
			Text:   "a mount (" + m.FSType + ") where a jail's files are",
			Proof:  "it is below this root, where ioc mounts nothing: what a jail mounts is in its own namespace",
			Remedy: "unmount it",
			Mend:   events.Change{After: []events.Effect{&Unmount{Point: m.Mountpoint, ID: m.ID, Type: m.FSType}}},
		}
		switch {
		case of && !at:
			f.Class, f.Mend = doctor.Damage, nil
			f.Text = "a mount of layers of this root, outside of it"
			f.Proof = "it names them; the kernel does not object to a second mount of a layer, it corrupts it"
			f.Remedy = "unmount it before the jail is started: umount " + m.Mountpoint
		case !of:
			f.Class, f.Mend = doctor.Damage, nil
			f.Proof = "it is below this root, and ioc has not made it"
			f.Remedy = "unmount it if it is not meant to be there: umount " + m.Mountpoint
		}
		found = append(found, f)
	}
	return found, nil
}

// isOverlay says that a mount is an overlay that writes to a layer of this root.
func (l layout) isOverlay(m *mountinfo.Info) bool {
	if m.FSType != "overlay" {
		return false
	}
	for option := range strings.SplitSeq(m.VFSOptions, ",") {
		if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
			return strings.HasPrefix(dir, l.layer("")+"/")
		}
	}
	return false
}

// holds says that a path is below a dataset, a layer or the trash.
func (l layout) holds(path string) bool {
	rel, err := filepath.Rel(string(l), path)
	if err != nil {
		return false
	}
	first, rest, ok := strings.Cut(rel, "/")
	return ok && rest != "" && (first == "layers" || first == "jails" || first == "releases" || first == "trash")
}

// Unmount is the effect that takes a mount off a directory of a root, after the commit.
type Unmount struct {
	Point string
	ID    int    // of the mount, unique while it lives
	Type  string // of its file system
}

// EventType is the effect's name in events.
func (*Unmount) EventType() string { return "storage.unmount" }

// EventTitle is for people.
func (e *Unmount) EventTitle() string { return "unmount " + e.Point }

// EventKey is the mount point.
func (e *Unmount) EventKey() string { return e.Point }

// Volatile is true: no mount survives a reboot.
func (*Unmount) Volatile() bool { return true }

// Do unmounts it if it is still the one that was meant. One in use is left, as busy.
func (e *Unmount) Do(context.Context) error {
	there, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(e.Point))
	if err != nil {
		return err
	}
	if len(there) == 0 || there[0].ID != e.ID || there[0].FSType != e.Type {
		return nil
	}
	err = unix.Unmount(e.Point, unix.UMOUNT_NOFOLLOW)
	switch {
	case errors.Is(err, unix.EBUSY):
		return fault.New("unmount", fault.Busy, e.Point, err).WithRemedy("end what uses it, and try again")
	case err != nil:
		return fault.New("unmount", kindOf(err), e.Point, err)
	}
	return nil
}

// Undo cannot: the effect is only ever deferred.
func (*Unmount) Undo(context.Context) error { return nil }
