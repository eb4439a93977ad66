package itest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
)

// TestCopyLinkSwap is somebody who is root in a running jail and puts a link that leads out of it in the place of a
// directory, and the directory back, as fast as he can, while files are copied to and from there: the host's
// files are neither read nor written.
func TestCopyLinkSwap(t *testing.T) {
	root := place(t, created)
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	if err := starts(h); err != nil {
		t.Fatal(err)
	}
	i, err := h.Jail("web").Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	victim, out := t.TempDir(), t.TempDir()
	const secret = "the host's"
	given := filepath.Join(out, "given")
	inside := "/proc/" + strconv.Itoa(i.Sandbox.PID) + "/root/data/"
	if err := errors.Join(
		os.WriteFile(filepath.Join(victim, "file"), []byte(secret), 0o600),
		os.WriteFile(given, []byte("given"), 0o600),
		os.Mkdir(inside+"dir", 0o755),
		os.WriteFile(inside+"dir/file", []byte("the jail's"), 0o600),
		os.Symlink(victim, inside+"away"),
	); err != nil {
		t.Fatal(err)
	}

	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, inside+"dir", unix.AT_FDCWD, inside+"away", unix.RENAME_EXCHANGE); err != nil {
				stopped <- err
				return
			}
		}
	}()
	// Who goes by the path through the process meets the host's file sooner or later: it is a real attack.
	for tries := 0; ; tries++ {
		content, err := os.ReadFile(inside + "dir/file")
		if string(content) == secret {
			break
		}
		if tries > 1<<22 {
			t.Fatal("the link is never met: this attacks nothing")
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	rounds, worked := 15, 0
	if long() {
		rounds = 300
	}
	for n := range rounds {
		_, inErr := h.JailGenerator("web").CopyIn(ioc.CopyOptions{Host: given, Path: "/data/dir/given"}).Do(t.Context(), eventstest.Watch(t))
		to := filepath.Join(out, strconv.Itoa(n))
		_, outErr := h.JailGenerator("web").CopyOut(ioc.CopyOptions{Host: to, Path: "/data/dir/file"}).Do(t.Context(), eventstest.Watch(t))
		all := to + "-all"
		_, treeErr := h.JailGenerator("web").CopyOut(ioc.CopyOptions{Host: all, Path: "/data"}).Do(t.Context(), eventstest.Watch(t))
		var tar bytes.Buffer
		_, tarErr := h.JailGenerator("web").CopyTar("/data/dir/file", &tar).Do(t.Context())
		for _, err := range []error{inErr, outErr, treeErr, tarErr} {
			if err == nil {
				worked++
			}
		}
		one, _ := os.ReadFile(to)                               // it may have failed
		linked, _ := os.Lstat(filepath.Join(all, "dir"))        // as above
		treed, _ := os.ReadFile(filepath.Join(all, "dir/file")) // as above
		if linked == nil || linked.Mode()&os.ModeSymlink != 0 { // a copied link leads to the host's, as a link does
			treed = nil
		}
		for _, got := range [][]byte{one, treed, tar.Bytes()} {
			if bytes.Contains(got, []byte(secret)) {
				t.Fatalf("round %d: the host's file was copied", n)
			}
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if worked == 0 {
		t.Error("not one copy worked")
	}
	names, err := os.ReadDir(victim)
	content, err2 := os.ReadFile(filepath.Join(victim, "file"))
	if err := errors.Join(err, err2); err != nil || len(names) != 1 || string(content) != secret {
		t.Errorf("the host's directory has %v, and in its file is %q: %v", names, content, err)
	}
}

// TestCopyKeeps copies a tree in and out again: extended attributes, times, links and holes come through.
func TestCopyKeeps(t *testing.T) {
	for _, state := range []string{"stopped", "running"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			root := place(t, created)
			h, err := open(filepath.Dir(root))
			if err != nil {
				t.Fatal(err)
			}
			if state == "running" {
				if err := starts(h); err != nil {
					t.Fatal(err)
				}
			}
			from := filepath.Join(t.TempDir(), "tree")
			if err := os.MkdirAll(from+"/sub", 0o750); err != nil {
				t.Fatal(err)
			}
			const size = 8 << 20
			sparse, err := os.Create(from + "/sparse")
			if err != nil {
				t.Fatal(err)
			}
			_, err = sparse.WriteAt([]byte("middle"), size/2)
			if err := errors.Join(err, sparse.Truncate(size), sparse.Close(),
				os.WriteFile(from+"/sub/file", []byte("text"), 0o640),
				os.Link(from+"/sub/file", from+"/second"),
				os.Symlink("sub/file", from+"/link"),
				unix.Lsetxattr(from+"/sub/file", "user.note", []byte("kept"), 0),
				unix.Lsetxattr(from+"/sub", "user.dir", []byte("too"), 0),
				age(from)); err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(t.TempDir(), "back")
			web := h.Jail("web")
			if _, err := web.CopyIn(t.Context(), ioc.CopyOptions{Host: from, Path: "/data/tree"}); err != nil {
				t.Fatal(err)
			}
			if _, err := web.CopyOut(t.Context(), ioc.CopyOptions{Path: "/data/tree", Host: to}); err != nil {
				t.Fatal(err)
			}
			if got, want := portrait(t, to), portrait(t, from); got != want {
				t.Errorf("what came back is\n%swant\n%s", got, want)
			}
			var st unix.Stat_t
			if err := unix.Stat(to+"/sparse", &st); err != nil || st.Blocks*512 > size/4 {
				t.Errorf("the file with holes takes %d of %d bytes, %v", st.Blocks*512, st.Size, err)
			}
		})
	}
}

// portrait is a tree as text.
func portrait(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	inodes := map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		w := &world{}
		line, err := w.file(path, "tree/"+name)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if first, ok := inodes[st.Ino]; ok {
			line += " = " + first
		}
		inodes[st.Ino] = name
		fmt.Fprintln(&b, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
