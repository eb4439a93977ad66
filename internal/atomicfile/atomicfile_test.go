package atomicfile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/libioc/ioc/internal/atomicfile"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// contents lists dir as name=content, links as name->target.
func contents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if target, err := os.Readlink(path); err == nil {
			all = append(all, e.Name()+"->"+target)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			all = append(all, e.Name()+"/")
			continue
		}
		all = append(all, e.Name()+"="+string(text))
	}
	return strings.Join(all, " ")
}

func TestReplace(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string)
		keep    bool
		want    string
		fails   bool
	}{
		{"new", func(*testing.T, string) {}, false, "conf=new", false},
		{"existing", func(t *testing.T, dir string) { write(t, dir+"/conf", "old") }, false, "conf=new", false},
		{"link_is_not_followed", func(t *testing.T, dir string) {
			write(t, dir+"/victim", "safe")
			if err := os.Symlink("victim", dir+"/conf"); err != nil {
				t.Fatal(err)
			}
		}, false, "conf=new victim=safe", false},
		{"directory", func(t *testing.T, dir string) {
			if err := os.Mkdir(dir+"/conf", 0o700); err != nil {
				t.Fatal(err)
			}
		}, false, "conf/", true},
		{"keep_new", func(*testing.T, string) {}, true, "conf=new", false},
		{"keep_new_drops_older", func(t *testing.T, dir string) { write(t, dir+"/conf.prev", "older") }, true, "conf=new", false},
		{"keep", func(t *testing.T, dir string) { write(t, dir+"/conf", "old") }, true, "conf=new conf.prev=old", false},
		{"keep_replaces", func(t *testing.T, dir string) {
			write(t, dir+"/conf", "old")
			write(t, dir+"/conf.prev", "older")
		}, true, "conf=new conf.prev=old", false},
		{"keep_after_a_crash_between", func(t *testing.T, dir string) {
			write(t, dir+"/conf", "old")
			if err := os.Link(dir+"/conf", dir+"/conf.prev"); err != nil {
				t.Fatal(err)
			}
			write(t, dir+"/.conf.prev.link.tmp", "killed here")
		}, true, "conf=new conf.prev=old", false},
		{"keep_fails_before_the_change", func(t *testing.T, dir string) {
			write(t, dir+"/conf", "old")
			if err := os.Mkdir(dir+"/conf.prev", 0o700); err != nil {
				t.Fatal(err)
			}
		}, true, "conf=old conf.prev/", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.prepare(t, dir)
			path := filepath.Join(dir, "conf")
			var err error
			if tt.keep {
				err = atomicfile.WriteFileKeeping(path, path+".prev", []byte("new"), 0o640)
			} else {
				err = atomicfile.WriteFile(path, []byte("new"), 0o640)
			}
			if (err != nil) != tt.fails {
				t.Errorf("error %v, want failure %v", err, tt.fails)
			}
			if got := contents(t, dir); got != tt.want {
				t.Errorf("directory has %q, want %q", got, tt.want)
			}
			if info, err := os.Stat(path); err == nil && !tt.fails && info.Mode() != 0o640 {
				t.Errorf("mode %v, want 0640", info.Mode())
			}
		})
	}
}

func TestKeepingUnderTheSameNameIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/conf", "old")
	if err := atomicfile.WriteFileKeeping(dir+"/conf", dir+"/./conf", []byte("new"), 0o600); err == nil {
		t.Error("WriteFileKeeping(conf, ./conf) succeeded, want a refusal")
	}
	if got := contents(t, dir); got != "conf=old" {
		t.Errorf("directory has %q, want conf=old", got)
	}
}

func TestNoDirectory(t *testing.T) {
	dir := t.TempDir()
	err := atomicfile.WriteFile(dir+"/none/conf", nil, 0o600)
	if err == nil || !strings.Contains(err.Error(), "none/conf") {
		t.Errorf("WriteFile in a missing directory: %v, want an error that names the path", err)
	}
	if err := atomicfile.Sweep(dir + "/none/conf"); err != nil {
		t.Errorf("Sweep of a missing directory: %v", err)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"conf", ".conf.123.tmp", ".conf.link.tmp", ".conf.prev.9.tmp", ".confx.1.tmp", ".other.1.tmp", "conf.tmp"} {
		write(t, filepath.Join(dir, name), "x")
	}
	if err := atomicfile.Sweep(dir + "/conf"); err != nil {
		t.Fatal(err)
	}
	if got, want := contents(t, dir), ".conf.prev.9.tmp=x .confx.1.tmp=x .other.1.tmp=x conf=x conf.tmp=x"; got != want {
		t.Errorf("after Sweep(conf) the directory has %q, want %q", got, want)
	}
}

// TestReadersSeeWholeContents reads the path while it is replaced by contents of many lengths.
func TestReadersSeeWholeContents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conf")
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 1+i*97%9000) }
	if err := atomicfile.WriteFile(path, content(0), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				text, err := os.ReadFile(path)
				if err != nil || len(text) == 0 || len(bytes.TrimLeft(text, string(text[:1]))) != 0 {
					t.Errorf("read %d bytes, %v: want one letter, repeated", len(text), err)
					return
				}
			}
		})
	}
	for i := range 50 {
		if err := atomicfile.WriteFileKeeping(path, path+".prev", content(i), 0o600); err != nil {
			t.Error(err)
		}
	}
	close(done)
	readers.Wait()
}

func ExampleWriteFileKeeping() {
	dir, err := os.MkdirTemp("", "ioc-example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "config.json")
	for _, text := range []string{`{"v":1}`, `{"v":2}`} {
		if err := atomicfile.WriteFileKeeping(path, path+".previous", []byte(text), 0o600); err != nil {
			fmt.Println(err)
		}
	}
	now, _ := os.ReadFile(path)
	before, _ := os.ReadFile(path + ".previous")
	fmt.Println(string(now), string(before))
	// Output: {"v":2} {"v":1}
}
