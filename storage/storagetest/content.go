package storagetest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/libioc/ioc/storage"
)

// base writes what a root file system may hold, some of it rare.
func base(t storage.Tree, f storage.Features) error {
	long := time.Date(1999, 12, 31, 23, 59, 59, 123456789, time.UTC)
	at := func(mode fs.FileMode) storage.Attr { return storage.Attr{Mode: mode, ModTime: long} }
	var failed error
	do := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	do(t.Mkdir(".", at(fs.ModeDir|0o755)))
	for _, dir := range []string{"etc", "bin", "home", "home/user", "var", "var/db", "var/db/deep", "empty"} {
		do(t.Mkdir(dir, at(fs.ModeDir|0o755)))
	}
	do(t.Mkdir("tmp", at(fs.ModeDir|fs.ModeSticky|0o777)))
	do(t.Mkdir("shared", storage.Attr{Mode: fs.ModeDir | fs.ModeSetgid | 0o775, UID: 7, GID: 8, ModTime: long}))
	do(t.Mkdir("locked", at(fs.ModeDir|0o555)))
	do(t.File("locked/file", at(0o444), bytes.NewBufferString("cannot be changed by its owner\n")))
	do(t.File("etc/passwd", at(0o644), bytes.NewBufferString("root:0:0\n")))
	do(t.File("etc/shadow", storage.Attr{Mode: 0o640, UID: 0, GID: 42, ModTime: long}, bytes.NewBufferString("secret\n")))
	do(t.File("bin/su", storage.Attr{Mode: fs.ModeSetuid | 0o755, ModTime: long}, bytes.NewBufferString("#!su\n")))
	do(t.File("bin/write", storage.Attr{Mode: fs.ModeSetgid | 0o755, GID: 5, ModTime: long}, bytes.NewBufferString("#!write\n")))
	do(t.Link("bin/doas", "bin/su"))
	do(t.Symlink("bin/sh", "/bin/su", at(0o777)))
	do(t.Symlink("etc/outside", "../../../../../../etc/passwd", at(0o777)))
	do(t.Symlink("dangling", "nowhere", at(0o777)))
	do(t.File("home/user/tagged", storage.Attr{
		Mode: 0o600, UID: 1000, GID: 1000, ModTime: long, Xattrs: map[string][]byte{"user.comment": []byte("a\x00b"), "user.empty": {}},
	}, bytes.NewBufferString("x")))
	do(t.File("var/db/sparse", at(0o600), &holes{left: 1 << 20}))
	do(t.File("var/db/deep/big", at(0o600), bytes.NewReader(bytes.Repeat([]byte("0123456789abcdef"), 1<<14))))
	if f.Ownership { // one who is not root cannot read back what forbids it
		do(t.File("var/db/none", at(0), nil))
	}
	for i, name := range []string{"with space", "with\nnewline", "höher", "\xff\xfe", "-rf", "...", "~"} {
		do(t.File("home/"+name, at(0o600), bytes.NewBufferString(fmt.Sprint(i))))
	}
	do(t.Node("var/pipe", at(fs.ModeNamedPipe|0o622), 0, 0))
	if f.Devices {
		do(t.Node("var/null", at(fs.ModeDevice|fs.ModeCharDevice|0o666), 1, 3))
	}
	return failed
}

// holes reads as zeros with one byte at the end.
type holes struct{ left int }

func (h *holes) Read(p []byte) (int, error) {
	n := min(len(p), h.left)
	clear(p[:n])
	if h.left -= n; h.left == 0 {
		if n > 0 {
			p[n-1] = 1
			return n, nil
		}
		return 0, io.EOF
	}
	return n, nil
}

// round is what a jail does between two snapshots; what it does depends on n, and on what is there.
func round(n int) []Edit {
	edits := []Edit{
		put("etc/motd", fmt.Sprintf("round %d\n", n)),
		put(fmt.Sprintf("home/new%d", n), "new"),
		{Op: Mkdir, Path: fmt.Sprintf("var/dir%d", n)},
		put(fmt.Sprintf("var/dir%d/file", n), "in a new directory"),
		{Op: Link, Path: fmt.Sprintf("var/dir%d/link", n), To: fmt.Sprintf("var/dir%d/file", n)},
		// Deleted, and made again as something else: whiteouts, and directories that hide lower ones.
		{Op: Remove, Path: "home/user"},
		{Op: Symlink, Path: "home/user", To: fmt.Sprintf("new%d", n)},
		{Op: Remove, Path: "etc/outside"},
		{Op: Mkdir, Path: "etc/outside"},
		{Op: Remove, Path: fmt.Sprintf("home/new%d", n-1)},
		// Changed in what is beside the content.
		{Op: Chmod, Path: "etc/passwd", Mode: fs.FileMode(0o600 + n)},
		{Op: Chmod, Path: "bin", Mode: fs.FileMode(0o700 + n)},
		{Op: Xattr, Path: "bin/su", To: "user.round", Data: []byte{byte(n)}},
		{Op: Xattr, Path: "var", To: "user.round", Data: []byte{byte(n)}},
		{Op: Chmod, Path: ".", Mode: fs.FileMode(0o700 + n)},
		{Op: Remove, Path: "var/pipe"},
		{Op: Fifo, Path: "var/pipe"},
	}
	// Every other time, so that what is hidden stays hidden when more is put on top of it.
	if n%2 == 1 {
		edits = append(edits, Edit{Op: Remove, Path: "var/db/deep"}, Edit{Op: Mkdir, Path: "var/db/deep"})
	}
	return append(edits, put(fmt.Sprintf("var/db/deep/file%d", n), "and nothing of before the last removal"))
}
