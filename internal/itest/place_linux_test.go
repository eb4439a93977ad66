package itest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/release"
)

// base is the release of most cells: everything a copy can get wrong, and two programs.
const base = "base"

// archive is the root file system of base.
func archive() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	when := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	var all []error
	add := func(h tar.Header, content string) {
		h.Size, h.ModTime, h.Format = int64(len(content)), when, tar.FormatPAX
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		all = append(all, w.WriteHeader(&h))
		_, err := w.Write([]byte(content))
		all = append(all, err)
	}
	for _, dir := range []string{"./", "bin/", "dev/", "etc/", "proc/", "sys/", "tmp/", "data/", "data/deep/"} {
		add(tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}, "")
	}
	for b, name := range []string{loops: "bin/wait", succeed: "bin/sh"} {
		code, err := program(behaviour(b))
		all = append(all, err)
		add(tar.Header{Name: name, Mode: 0o755}, string(code))
	}
	add(tar.Header{Name: "etc/passwd", Mode: 0o644}, "root:x:0:0::/:/bin/sh\n")
	add(tar.Header{Name: "etc/hosts", Mode: 0o644}, "127.0.0.1 localhost\n") // what is mounted over has to be there
	add(tar.Header{Name: "etc/resolv.conf", Mode: 0o644}, "")
	add(tar.Header{Name: "data/old", Mode: 0o600, Uid: 7, Gid: 8}, "old")
	add(tar.Header{Name: "data/setuid", Mode: 0o4755}, "setuid")
	add(tar.Header{Name: "data/link", Typeflag: tar.TypeSymlink, Linkname: "deep/file", Mode: 0o777}, "")
	add(tar.Header{Name: "data/deep/file", Mode: 0o640, PAXRecords: map[string]string{"SCHILY.xattr.user.note": "kept"}}, "deep")
	add(tar.Header{Name: "data/name", Typeflag: tar.TypeLink, Linkname: "data/old", Mode: 0o600}, "")
	all = append(all, w.Close())
	return b.Bytes(), errors.Join(all...)
}

// template is a root that cells begin with a copy of.
type template string

const (
	empty    template = "empty"    // opened and nothing else
	released template = "released" // with base
	brought  template = "brought"  // with the release that comes with ioc
	created  template = "created"  // with the jail web, in which something was written
	history  template = "history"  // the same with snapshots one, two and three, and things written between them
	hooked   template = "hooked"   // created, with commands at start and stop
)

// stamp copies a template to dir/root.
func (t template) stamp(dir string) error {
	from, err := t.root()
	if err != nil {
		return fmt.Errorf("template %s: %w", t, err)
	}
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		return err
	}
	if err := filetree.Copy(context.Background(), root, from, filetree.Options{
		Owners: os.Geteuid() == 0, Devices: os.Geteuid() == 0, Layers: true,
	}); err != nil {
		return err
	}
	_, err = open(dir)
	return err
}

// root makes the template, with ioc, if nobody has yet.
func (t template) root() (string, error) {
	dir := filepath.Join(os.Getenv("TMPDIR"), "template-"+string(t))
	if _, err := os.Stat(dir); err == nil {
		return filepath.Join(dir, "root"), nil
	}
	draft, err := os.MkdirTemp("", "draft-")
	if err != nil {
		return "", err
	}
	h, err := open(draft)
	if err == nil {
		err = t.make(h)
	}
	if err == nil { // locks and slots are the cell's own
		err = errors.Join(os.RemoveAll(h.Root()+"/run"), os.RemoveAll(h.Root()+"/journal"))
	}
	if err == nil {
		if err = os.Rename(draft, dir); errors.Is(err, fs.ErrExist) || errors.Is(err, unix.ENOTEMPTY) { // another was faster
			err = os.RemoveAll(draft)
		}
	}
	return filepath.Join(dir, "root"), err
}

func (t template) make(h *ioc.Host) error {
	ctx := context.Background()
	switch t {
	case empty:
		return nil
	case brought:
		_, err := h.Fetch(ioc.FetchOptions{}).Do(ctx)
		return err
	}
	text, err := archive()
	if err != nil {
		return err
	}
	if _, err := h.Fetch(ioc.FetchOptions{Name: base, Source: release.Reader("archive", bytes.NewReader(text))}).Do(ctx); err != nil || t == released {
		return err
	}
	properties := map[string]string{"notes": "first", "host_hostname": "www", "stop_timeout": "5"}
	if t == hooked {
		properties["exec_start"], properties["exec_stop"] = "start", "stop"
	}
	web := h.Jail("web")
	if err := web.Create(ctx, ioc.CreateOptions{Release: base, Properties: properties}); err != nil {
		return err
	}
	if err := write(h.Root(), "web", "zero"); err != nil || t != history {
		return err
	}
	for _, name := range []string{"one", "two", "three"} {
		if _, err := web.Snapshot(ctx, name); err != nil {
			return err
		}
		if err := write(h.Root(), "web", name); err != nil {
			return err
		}
	}
	return nil
}

// write does to a stopped jail's layer what processes in the jail would do: a file, a link, an attribute,
// something deleted and a directory replaced.
func write(root, jail, what string) error {
	upper, err := upperOf(root, jail)
	if err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(upper, name) }
	err = errors.Join(
		os.MkdirAll(at("data/"+what), 0o750),
		os.WriteFile(at("data/"+what+"/file"), []byte(what), 0o640),
		os.WriteFile(at("last"), []byte(what), 0o600),
		os.Symlink("/data/"+what, at("link-"+what)),
	)
	if err == nil && os.Geteuid() == 0 {
		err = errors.Join(
			os.Chmod(at("data/"+what+"/file"), 0o640|fs.ModeSetgid),
			os.Lchown(at("data/"+what), 11, 12),
			unix.Lsetxattr(at("data/"+what+"/file"), "user.note", []byte(what), 0),
		)
		if what == "zero" {
			err = errors.Join(err, unix.Mknod(at("data/old"), unix.S_IFCHR, 0), // deleted
				os.Mkdir(at("data/deep"), 0o755), unix.Lsetxattr(at("data/deep"), "trusted.overlay.opaque", []byte("y"), 0))
		}
	}
	if err != nil {
		return err
	}
	return age(upper)
}

// age gives files a time that pictures show.
func age(dir string) error {
	when := unix.NsecToTimespec(time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// upperOf is the directory that a jail writes to.
func upperOf(root, jail string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "jails", jail, "storage.json"))
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(string(text), `"upper": "`)
	id, _, ok2 := strings.Cut(rest, `"`)
	if !ok || !ok2 {
		return "", errors.New("storage.json names no upper layer")
	}
	return filepath.Join(root, "layers", id, "fs"), nil
}
