package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc/fault"
)

func unpack(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := Unpack(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUnpackTree(t *testing.T) {
	dir := unpack(t)
	want := map[string]struct {
		mode fs.FileMode
		text string
	}{
		".":                  {fs.ModeDir | 0o755, ""},
		"bin":                {fs.ModeDir | 0o755, ""},
		"bin/userland":       {0o755, ""},
		"bin/sh":             {fs.ModeSymlink, "userland"},
		"sbin":               {fs.ModeSymlink, "bin"},
		"usr/bin":            {fs.ModeSymlink, "../bin"},
		"root":               {fs.ModeDir | 0o700, ""},
		"tmp":                {fs.ModeDir | fs.ModeSticky | 0o777, ""},
		"var/tmp":            {fs.ModeDir | fs.ModeSticky | 0o777, ""},
		"var/log":            {fs.ModeDir | 0o755, ""},
		"var/run":            {fs.ModeSymlink, "../run"},
		"proc":               {fs.ModeDir | 0o555, ""},
		"dev":                {fs.ModeDir | 0o755, ""},
		"run":                {fs.ModeDir | 0o755, ""},
		"home":               {fs.ModeDir | 0o755, ""},
		"mnt":                {fs.ModeDir | 0o755, ""},
		"etc/resolv.conf":    {0o644, ""},
		"etc/hostname":       {0o644, "localhost\n"},
		"etc/shells":         {0o644, "/bin/sh\n"},
		"etc/shadow":         {0o600, shadow},
		"etc/ioc-release":    {0o644, Version() + "\n"},
		"etc/passwd":         {0o644, passwd},
		"etc/profile":        {0o644, profile},
		"usr/local/bin":      {fs.ModeDir | 0o755, ""},
		"etc/mtab":           {fs.ModeSymlink, "../proc/self/mounts"},
		"bin/[":              {fs.ModeSymlink, "userland"},
		"usr/sbin/../bin/ls": {fs.ModeSymlink, "userland"},
	}
	for name, w := range want {
		path := filepath.Join(dir, name)
		fi, err := os.Lstat(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		mode := fi.Mode()
		if mode&fs.ModeSymlink != 0 {
			mode = fs.ModeSymlink
			if link, _ := os.Readlink(path); link != w.text {
				t.Errorf("%s points at %q, want %q", name, link, w.text)
			}
		} else if mode.IsRegular() && name != "bin/userland" {
			if text, err := os.ReadFile(path); err != nil || string(text) != w.text {
				t.Errorf("%s holds %q, %v, want %q", name, text, err, w.text)
			}
		}
		if mode != w.mode {
			t.Errorf("%s: mode %v, want %v", name, mode, w.mode)
		}
		if mode != fs.ModeSymlink && !fi.ModTime().Equal(stamp()) {
			t.Errorf("%s: time %v, want %v", name, fi.ModTime(), stamp())
		}
	}
}

// TestLinksStayInside resolves every link below the root only.
func TestLinksStayInside(t *testing.T) {
	dir := unpack(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	links := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		links++
		target, err := root.Readlink(name)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			t.Errorf("%s is an absolute link to %s", name, target)
		}
		if name != "etc/mtab" {
			if _, err := root.Stat(name); err != nil {
				t.Errorf("%s leads nowhere: %v", name, err)
			}
		}
		return nil
	})
	if err != nil || links < 100 {
		t.Errorf("%d links, %v", links, err)
	}
}

func TestStatsAndProgress(t *testing.T) {
	dir := t.TempDir()
	var last, total int64
	stats, err := Unpack(t.Context(), dir, func(done, sum int64) error {
		if done < last || done > sum || total != 0 && sum != total {
			t.Errorf("progress %d of %d after %d of %d", done, sum, last, total)
		}
		last, total = done, sum
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var files, size int64
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		files++
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			size += fi.Size()
		}
		return nil
	})
	if err != nil || stats.Files != files || stats.Bytes != size || last != size || total != size {
		t.Errorf("stats %+v, progress %d of %d; there are %d files with %d bytes, %v", stats, last, total, files, size, err)
	}
}

func TestRefusals(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(t.Context(), full, nil); fault.KindOf(err) != fault.Exists {
		t.Errorf("a directory that is not empty: %v", err)
	}
	if _, err := Unpack(t.Context(), filepath.Join(full, "missing"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Unpack(ctx, t.TempDir(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	enough := errors.New("enough")
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	if _, err := Unpack(ctx, t.TempDir(), func(int64, int64) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("an error of the progress: %v", err)
	}
	if _, err := Unpack(ctx, t.TempDir(), func(int64, int64) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in the middle: %v", err)
	}
}

func TestVersion(t *testing.T) {
	digest := Digest()
	if len(digest) != len("sha256:")+64 || !strings.HasPrefix(digest, "sha256:") || digest != Digest() {
		t.Errorf("digest %q", digest)
	}
	if want := "embedded-" + digest[7:19]; Version() != want {
		t.Errorf("version %q, want %q", Version(), want)
	}
}

// TestReproducible builds once more, from a copy of the sources in another place.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the userland")
	}
	top := t.TempDir()
	repo := filepath.Join("..", "..")
	if err := os.CopyFS(filepath.Join(top, "userland"), os.DirFS(filepath.Join(repo, "userland"))); err != nil {
		t.Fatal(err)
	}
	pkg := filepath.Join(top, "release", "embedded")
	if err := os.MkdirAll(pkg, 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		filepath.Join(repo, "go.mod"): filepath.Join(top, "go.mod"), filepath.Join(repo, "go.sum"): filepath.Join(top, "go.sum"),
		"gen.go": filepath.Join(pkg, "gen.go"),
	} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out := t.TempDir()
	if err := goCommand(pkg, "run", "gen.go", Arch(), out).Run(); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(out, filepath.Base(blobName())))
	if err != nil {
		t.Fatal(err)
	}
	if own, err := blob(); err != nil || !bytes.Equal(own, other) {
		t.Errorf("%d bytes here, %d bytes from another place, %v: not the same", len(own), len(other), err)
	}
}

// TestWithoutBlob builds this package as a fresh checkout has it.
func TestWithoutBlob(t *testing.T) {
	if os.Getenv(guard) == "bare" {
		err := Available()
		if fault.KindOf(err) != fault.NotSupported || !strings.Contains(strings.Join(fault.Remedies(err), ""), "make build") {
			t.Errorf("Available() = %v, remedies %q", err, fault.Remedies(err))
		}
		if _, err := Unpack(t.Context(), t.TempDir(), nil); fault.KindOf(err) != fault.NotSupported {
			t.Errorf("Unpack: %v", err)
		}
		if Digest() != "" || Version() != Name {
			t.Errorf("digest %q, version %q", Digest(), Version())
		}
		return
	}
	path, err := filepath.Abs(blobName())
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: ""}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := goCommand(".", "test", "-count=1", "-overlay", file, "-run", "^TestWithoutBlob$", ".")
	cmd.cmd.Env = append(cmd.cmd.Env, guard+"=bare")
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}
