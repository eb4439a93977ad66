package linuxns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/internal/thread"
	"github.com/libioc/ioc/sandbox"
)

// passed makes the mounts of a jail whose users are shifted, the root first and then the binds: detached
// mounts on which files have the ids that the jail's user namespace maps them to, while on disk they keep
// those of any other jail. Only a process with rights over the file systems may make them, that is this one
// and not the jail's, which may not even be able to reach them.
func passed(spec *sandbox.Spec, u *users, pid int) (mounts []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(mounts)
			mounts = nil
		}
	}()
	ns, err := os.Open("/proc/" + itoa(pid) + "/ns/user")
	if err != nil {
		return nil, fault.New("open", kindOf(err), "user namespace", bare(err))
	}
	defer ns.Close()
	attr := uint64(noDev)
	if spec.Root.ReadOnly {
		attr |= readOnly
	}
	root := -1
	if o := spec.Root.Overlay; o != nil {
		root, err = shiftedOverlay(o, attr, ns, u)
	} else {
		root, err = shifted([]string{spec.Root.Dir}, attr, 0, 0, ns)
	}
	if err != nil {
		return nil, err
	}
	mounts = append(mounts, os.NewFile(uintptr(root), "root"))
	for _, m := range spec.Mounts {
		if m.Type != "bind" {
			continue
		}
		set, clr, flags, _ := mountOptions(m.Options)
		deep := uint(0)
		if flags&stage.FlagRecursive != 0 {
			deep = unix.AT_RECURSIVE
		}
		fd, err := shifted(sourceOf(&m), set, clr, deep, ns)
		if err != nil {
			return mounts, err
		}
		mounts = append(mounts, os.NewFile(uintptr(fd), m.Source))
	}
	return mounts, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// shifted opens a detached, id-mapped mount of a directory or a file, with the mounts below it if deep is
// AT_RECURSIVE.
func shifted(source []string, set, clr uint64, deep uint, ns *os.File) (int, error) {
	dir := filepath.Join(source...)
	fd, err := stage.OpenSource(source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|deep)
	if err != nil {
		return -1, fault.New("bind", kindOf(err), dir, err)
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|deep, &unix.MountAttr{
		Attr_set: set | unix.MOUNT_ATTR_IDMAP, Attr_clr: clr, Userns_fd: uint64(ns.Fd()),
	})
	if err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
			return -1, fault.Unsupported("own user ids of the jail", "a file system with id-mapped mounts under "+dir)
		}
		return -1, fault.New("map ids", kindOf(err), dir, err)
	}
	return fd, nil
}

// shiftedOverlay makes an overlay whose layers are id-mapped: the overlay itself cannot be. Layers have to
// be attached somewhere to be named, so a thread gets a mount namespace of its own for that, which ends
// with it; the overlay keeps copies.
func shiftedOverlay(o *sandbox.Overlay, attr uint64, ns *os.File, u *users) (int, error) {
	fd := -1
	err := thread.Away(func() (err error) {
		fd, err = overlayInOwnNamespace(o, attr, ns, u)
		return err
	})
	return fd, err
}

func overlayInOwnNamespace(o *sandbox.Overlay, attr uint64, ns *os.File, u *users) (int, error) {
	const place = "/sys" // any directory that is always there; it is covered for this thread only
	wrong := func(what string, err error) (int, error) {
		return -1, fault.New(what, kindOf(err), "overlay", err)
	}
	// Opened before /sys is covered, and mapped while their own paths are still visible.
	var layers []int
	defer func() {
		for _, fd := range layers {
			unix.Close(fd)
		}
	}()
	dirs, upper, work := o.Lowers, "", ""
	if o.Upper != "" {
		top := commonDir(o.Upper, o.Work)
		dirs = append([]string{top}, o.Lowers...)
		upper = filepath.Join(place, "0", strings.TrimPrefix(o.Upper, top))
		work = filepath.Join(place, "0", strings.TrimPrefix(o.Work, top))
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return wrong("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return wrong("make mounts private", err)
	}
	for _, dir := range dirs {
		fd, err := shifted([]string{dir}, 0, 0, 0, ns)
		if err != nil {
			return -1, err
		}
		layers = append(layers, fd)
	}
	if err := unix.Mount("ioc", place, "tmpfs", 0, ""); err != nil {
		return wrong("mount", err)
	}
	var lowers []string
	for i, fd := range layers {
		at := filepath.Join(place, strconv.Itoa(i))
		if err := unix.Mkdir(at, 0o700); err != nil {
			return wrong("make", err)
		}
		if err := unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return wrong("attach", err)
		}
		if upper == "" || i > 0 {
			lowers = append(lowers, at)
		}
	}
	if err := becomeJailRoot(u); err != nil {
		return wrong("become the jail's root for", err)
	}
	return newOverlay(upper, work, lowers, o.UserXattr, attr)
}

// becomeJailRoot gives this thread the ids that are the jail's root outside, and all its capabilities back:
// an overlay writes its layers as who has mounted it, and no other id can be written through their maps.
func becomeJailRoot(u *users) error {
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	gid, uid := outside(u.gids), outside(u.uids)
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); e != 0 {
		return e
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return err
	}
	data[0].Effective, data[1].Effective = data[0].Permitted, data[1].Permitted
	return unix.Capset(&head, &data[0])
}

// outside is the host's id of the jail's 0.
func outside(ranges []sandbox.IDRange) uintptr {
	for _, r := range ranges {
		if r.Inside == 0 {
			return uintptr(r.Outside)
		}
	}
	return 0
}

// newOverlay makes a detached overlay of layers with short paths: by an option for each layer, or where
// the kernel does not know that (before Linux 6.5) by one for all.
func newOverlay(upper, work string, lowers []string, userxattr bool, attr uint64) (int, error) {
	options := []string{"redirect_dir=nofollow", "metacopy=off", "index=off"}
	if upper != "" {
		options = append(options, "upperdir="+upper, "workdir="+work)
	}
	if userxattr {
		options = append(options, "userxattr")
	}
	each := slices.Clone(options)
	for _, l := range lowers {
		each = append(each, "lowerdir+="+l)
	}
	fd, err := overlayWith(each, attr)
	if all := "lowerdir=" + strings.Join(lowers, ":"); errors.Is(err, unix.EINVAL) && len(all) <= 255 {
		fd, err = overlayWith(append(options, all), attr)
	}
	if err != nil {
		return -1, fault.New("mount", kindOf(err), "overlay", err)
	}
	return fd, nil
}

func overlayWith(options []string, attr uint64) (int, error) {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	for _, o := range options {
		key, value, ok := strings.Cut(o, "=")
		if ok {
			err = unix.FsconfigSetString(fd, key, value)
		} else {
			err = unix.FsconfigSetFlag(fd, key)
		}
		if err != nil {
			return -1, fmt.Errorf("option %s: %w", key, err)
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return -1, err
	}
	return unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, int(attr))
}

// commonDir is the deepest directory above two: upper and work must be on one mount.
func commonDir(a, b string) string {
	for dir := filepath.Dir(a); ; dir = filepath.Dir(dir) {
		if dir == "/" || strings.HasPrefix(b, dir+"/") {
			return dir
		}
	}
}
