package overlay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// mode is how new jails are kept.
type mode struct {
	layers    bool
	userXattr bool
	why       string
}

// probe finds out whether the kernel mounts overlays on the root directory. Its own layers are made
// in the trash and removed again; what a killed probe leaves there is removed by the next one, or by the
// next to open the directory.
func (d *Driver) probe(ctx context.Context) mode {
	copies := func(why string) mode { return mode{why: "plain copies: " + why} }
	if d.opts.Copies {
		return copies("as configured")
	}
	var fsys unix.Statfs_t
	if err := unix.Statfs(string(d.l), &fsys); err != nil {
		return copies(err.Error())
	}
	if fsys.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return copies(string(d.l) + " is on an overlay itself, which the kernel refuses to write layers to")
	}
	unlock, err := d.l.sweepProbes(ctx)
	if err != nil {
		return copies(err.Error())
	}
	defer unlock()
	dir, err := os.MkdirTemp(d.l.trash(""), "probe-*"+dead)
	if err != nil {
		return copies(err.Error())
	}
	defer filetree.Remove(ctx, dir) //nolint:errcheck // of use to nobody; the next probe tries again
	o := storage.Overlay{
		Lower: []string{filepath.Join(dir, "l")}, Upper: filepath.Join(dir, "u"), Work: filepath.Join(dir, "w"),
		UserXattr: !privileged(),
	}
	for _, sub := range []string{o.Lower[0], o.Upper, o.Work} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			return copies(err.Error())
		}
	}
	how := "tried"
	switch {
	case d.opts.Try != nil:
		err = d.opts.Try(ctx, storage.Root{Overlay: &o})
	case o.UserXattr:
		how, err = "looked at", look(&o)
	default:
		err = try(&o)
	}
	if err != nil {
		return copies(fmt.Sprintf("overlay on %s: %v", d.l, err))
	}
	return mode{true, o.UserXattr, fmt.Sprintf("overlay: %s on %s", how, d.l)}
}

// sweepProbes removes what killed probes have left, if no other runs, and keeps others from doing so.
func (l layout) sweepProbes(ctx context.Context) (unlock func(), err error) {
	f, err := os.Open(l.trash(""))
	if err != nil {
		return nil, err
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		stale, _ := filepath.Glob(l.trash("probe-*" + dead)) // the pattern is well-formed
		for _, dir := range stale {
			_ = filetree.Remove(ctx, dir) // of use to nobody; the next probe tries again
		}
	}
	if err := flock(ctx, f, unix.LOCK_SH); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// try makes the file system as a mount does, and attaches it nowhere: closing it is all there is to
// clean up. Volatile, because otherwise closing would sync the whole file system below.
func try(o *storage.Overlay) error {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // see above
	for _, kv := range [][2]string{
		{"lowerdir", o.Lower[0]}, {"upperdir", o.Upper}, {"workdir", o.Work}, {"index", "off"}, {"metacopy", "off"},
	} {
		if err := unix.FsconfigSetString(fd, kv[0], kv[1]); err != nil {
			return fmt.Errorf("%s: %w", kv[0], err)
		}
	}
	if err := unix.FsconfigSetFlag(fd, "volatile"); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("volatile: %w", err) // EINVAL: Linux before 5.10
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return nil
}

// look checks what an overlay mount inside a user namespace will need of the file system and the
// kernel. It cannot be tried: a program with threads cannot enter a user namespace.
func look(o *storage.Overlay) error {
	known, err := os.ReadFile("/proc/filesystems")
	if err == nil && !strings.Contains(string(known), "\toverlay\n") && !exists("/sys/module/overlay") {
		return errors.New("the kernel has no overlay")
	}
	for file, off := range map[string]string{
		"/proc/sys/kernel/unprivileged_userns_clone": "0",
		"/proc/sys/user/max_user_namespaces":         "0",
	} {
		if v, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(v)) == off {
			return fmt.Errorf("%s is %s", file, off)
		}
	}
	if err := unix.Setxattr(o.Upper, "user.overlay.opaque", []byte("y"), 0); err != nil {
		return fmt.Errorf("user attributes: %w", err)
	}
	if err := unix.Mknod(filepath.Join(o.Upper, "whiteout"), unix.S_IFCHR, 0); err != nil {
		return fmt.Errorf("whiteouts: %w", err)
	}
	return nil
}
