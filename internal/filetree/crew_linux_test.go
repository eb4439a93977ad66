package filetree_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/libioc/ioc/internal/filetree"
	"github.com/libioc/ioc/storage"
)

// processors says how many there are, for what depends on it.
func processors(t *testing.T, n int) {
	t.Helper()
	was := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(was) })
}

// content is size bytes that no other file has, with a hole in it where there is room.
func content(name string, size int) []byte {
	b := bytes.Repeat([]byte(name+"\n"), size/(len(name)+1)+1)[:size]
	if size > 200<<10 {
		clear(b[64<<10 : 192<<10])
	}
	return b
}

// TestTogether writes many files of all sizes, and others to their names at once: what comes last is what is there.
func TestTogether(t *testing.T) {
	for _, n := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			processors(t, n)
			dir := t.TempDir()
			w, err := filetree.NewWriter(dir, owners())
			if err != nil {
				t.Fatal(err)
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			a := storage.Attr{Mode: 0o640, UID: os.Geteuid(), GID: os.Getegid(), Xattrs: map[string][]byte{"user.kept": []byte("1")}}
			sizes := []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 300 << 10, 3 << 20}
			want := map[string][]byte{}
			for i := range 300 {
				name := fmt.Sprintf("d%d/f%d", i%7, i)
				size := sizes[i%len(sizes)]
				if size > 1<<20 && i > 100 {
					size = 10
				}
				must(w.File(name, a, bytes.NewReader(content(name, size))))
				want[name] = content(name, size)
				other := fmt.Sprintf("d%d/g%d", i%5, i)
				switch i % 6 {
				case 0: // the same name again
					must(w.File(name, a, strings.NewReader("second")))
					want[name] = []byte("second")
				case 1: // by another path
					must(w.Symlink("by", fmt.Sprintf("d%d", i%7), a))
					must(w.File(fmt.Sprintf("by/f%d", i), a, strings.NewReader("third")))
					want[name] = []byte("third")
				case 2: // a second name, which stays when the first becomes another's
					must(w.Link(other, name))
					want[other] = want[name]
					must(w.File(name, a, strings.NewReader("mine")))
					want[name] = []byte("mine")
				case 3: // a directory instead
					must(w.Mkdir(name, storage.Attr{Mode: fs.ModeDir | 0o755}))
					must(w.File(name+"/in", a, strings.NewReader("in")))
					delete(want, name)
					want[name+"/in"] = []byte("in")
				case 4: // nothing instead
					must(w.Remove(name))
					delete(want, name)
				}
			}
			must(w.Close())
			for name, data := range want {
				path := filepath.Join(dir, name)
				got, err := os.ReadFile(path)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s has %d bytes, %v; want %d", name, len(got), err, len(data))
				}
				if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
					t.Errorf("%s: %v, %v", name, info.Mode(), err)
				}
			}
			files := 0
			must(filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
				if d.Type().IsRegular() {
					files++
				}
				return err
			}))
			if files != len(want) {
				t.Errorf("%d files, want %d", files, len(want))
			}
		})
	}
}

// TestFailsLater: the first error of what is written beside the caller ends the writing, once and by name.
func TestFailsLater(t *testing.T) {
	for _, size := range []int{0, 10, 1 << 20} {
		for _, goOn := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/%v", size, goOn), func(t *testing.T) {
				processors(t, 2)
				dir := t.TempDir()
				w, err := filetree.NewWriter(dir, owners())
				if err != nil {
					t.Fatal(err)
				}
				if err := w.File("first", storage.Attr{Mode: 0o600}, strings.NewReader("1")); err != nil {
					t.Fatal(err)
				}
				bad := storage.Attr{Mode: 0o600, Xattrs: map[string][]byte{"nobody.knows": []byte("1")}}
				err = w.File("bad", bad, bytes.NewReader(content("bad", size)))
				n := 0
				for ; goOn && err == nil; n++ {
					err = w.File(fmt.Sprintf("after%d", n), storage.Attr{Mode: 0o600}, strings.NewReader("2"))
				}
				if goOn {
					for what, again := range map[string]error{
						"mkdir": w.Mkdir("d", storage.Attr{}), "symlink": w.Symlink("s", "x", storage.Attr{}), "link": w.Link("l", "first"),
					} {
						if again == nil {
							t.Errorf("%s after an error was done", what)
						}
					}
				}
				later := w.Close()
				if goOn == (later != nil) {
					t.Errorf("close: %v after %v; want the error once", later, err)
				}
				e, ok := errors.AsType[*storage.EarlierError](errors.Join(err, later))
				if !ok || e.Name != "bad" || !strings.Contains(e.Error(), "setxattr nobody.knows bad: ") {
					t.Errorf("got %v, %v", err, later)
				}
			})
		}
	}
}

// TestContentFails: what a reader says is said at once, and the file gets nothing more.
func TestContentFails(t *testing.T) {
	for _, n := range []int{1, 2} {
		for _, size := range []int{0, 10, 1 << 20} {
			t.Run(fmt.Sprintf("%d/%d", n, size), func(t *testing.T) {
				processors(t, n)
				w, err := filetree.NewWriter(t.TempDir(), owners())
				if err != nil {
					t.Fatal(err)
				}
				cut := errors.New("cut off")
				err = w.File("x", storage.Attr{Mode: 0o600}, io.MultiReader(bytes.NewReader(content("x", size)), iotest.ErrReader(cut)))
				if !errors.Is(err, cut) {
					t.Errorf("got %v", err)
				}
				if err := w.File("y", storage.Attr{Mode: 0o600}, strings.NewReader("1")); err != nil {
					t.Error(err)
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
