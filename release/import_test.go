package release_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// archive is a tar archive of a few headers; a regular file's content is given as
// a PAX record "comment", for brevity.
func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		body := h.PAXRecords["comment"]
		h.PAXRecords = maps.Clone(h.PAXRecords)
		delete(h.PAXRecords, "comment")
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			h.Size = int64(len(body))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func body(text string) map[string]string { return map[string]string{"comment": text} }

// system is a small root file system.
func system(t testing.TB) []byte {
	return archive(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755},
		tar.Header{Typeflag: tar.TypeDir, Name: "./bin/", Mode: 0o755},
		tar.Header{Name: "./bin/sh", Mode: 0o4755, PAXRecords: body("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x3e\x00 and more of it")},
		tar.Header{Typeflag: tar.TypeLink, Name: "./bin/bash", Linkname: "./bin/sh"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "./sbin", Linkname: "bin"},
		tar.Header{Name: "etc/os-release", Mode: 0o644, PAXRecords: body("NAME=x\nPRETTY_NAME=\"Example Linux 1\"\n")},
		tar.Header{Typeflag: tar.TypeChar, Name: "dev/null", Mode: 0o666, Devmajor: 1, Devminor: 3},
		tar.Header{Typeflag: tar.TypeFifo, Name: "run/initctl", Mode: 0o600},
		tar.Header{Name: "usr/bin/ping", Mode: 0o755, PAXRecords: map[string]string{
			"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20" + strings.Repeat("\x00", 14), "SCHILY.xattr.trusted.overlay.opaque": "y", "comment": "ping",
		}},
	)
}

type world struct {
	*mem.World
	testing.TB
}

func newWorld(t testing.TB) *world { return &world{mem.New(nil), t} }

func (w *world) run(o release.ImportOptions, f func(events.Event)) (release.Info, error) {
	w.Helper()
	r := events.NewRegistry()
	w.Register(r)
	run := release.Import(w, o).Start(w.Context(), events.WithRegistry(r))
	for ev := range run.Events() {
		if f != nil {
			f(ev)
		}
	}
	return run.Wait()
}

// nothing checks that no trace of a release is left.
func (w *world) nothing() {
	w.Helper()
	all, err := w.List(w.Context(), storage.Releases)
	if err != nil || len(all) != 0 {
		w.Errorf("releases: %v, %v; want none", all, err)
	}
	if n := w.Hidden(); n != 0 {
		w.Errorf("%d datasets are half filled", n)
	}
}

func compress(t testing.TB, open func(io.Writer) (io.WriteCloser, error), data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := open(&buf)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func formats(t testing.TB, plain []byte) map[string][]byte {
	return map[string][]byte{
		"tar":  plain,
		"gzip": compress(t, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }, plain),
		"zstd": compress(t, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }, plain),
		"xz":   compress(t, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }, plain),
	}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func TestFormats(t *testing.T) {
	plain := system(t)
	for name, data := range formats(t, plain) {
		for _, way := range []string{"file", "reader"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				w := newWorld(t)
				src := release.Reader("standard input", bytes.NewReader(data))
				if way == "file" {
					path := filepath.Join(t.TempDir(), "misleading.zip")
					if err := os.WriteFile(path, data, 0o600); err != nil {
						t.Fatal(err)
					}
					src = release.File(path)
				}
				progress, kinds := 0, map[string]int{}
				i, err := w.run(release.ImportOptions{Name: "r", Source: src, SHA256: sum(data)}, func(ev events.Event) {
					if a, ok := ev.Detail.(events.Amount); ok && ev.Phase == events.Progress {
						progress++
						if a.Unit != "bytes" || a.Done == 0 || way == "file" && a.Total != int64(len(data)) {
							t.Errorf("progress: %+v", a)
						}
					}
					if ev.Phase == events.End {
						kinds[ev.Payload.EventType()]++
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if progress == 0 || kinds["release.unpack"] != 1 || kinds["storage.stage"] != 1 || kinds["storage.publish"] != 1 || kinds["release.import"] != 1 {
					t.Errorf("%d progress events, ends: %v", progress, kinds)
				}
				if i.Title != "Example Linux 1" || i.Arch != "amd64" || i.Digest != "sha256:"+sum(data) || i.Left != 1 || i.Files != 8 || i.Bytes == 0 || i.Mapped {
					t.Errorf("info: %+v", i)
				}
				again, err := release.Stat(t.Context(), w, "r")
				if err != nil || again != i {
					t.Errorf("stat: %+v, %v; want %+v", again, err, i)
				}
				look := strings.Join(w.Lines(storage.Release("r")), "\n")
				for _, want := range []string{`"bin/sh" urwxr-xr-x`, `"sbin" Lrwxrwxrwx`, `"run/initctl" prw-------`, "security.capability"} {
					if !strings.Contains(look, want) {
						t.Errorf("no %s in\n%s", want, look)
					}
				}
				if strings.Contains(look, "overlay") || strings.Contains(look, "null") {
					t.Errorf("not everything was to be let in:\n%s", look)
				}
			})
		}
	}
}

// bzip2Tar is an archive of one file "etc/hello", made by bzip2(1): the standard library only reads.
const bzip2Tar = "QlpoOTFBWSZTWX1BL8EAAHV7hMkQAERAAO+AAIBqRJ4AAACACCAAdQ1T0xIGg0yYJ6gkqbUyDTI0A0Ffu4syEFzwEjKd5SmECdiSByi4aruWeC3TKRHvrM+FNyuV6PiWZEIiwn61xgDwSGNrsgbRoJIPxdyRThQkH1BL8EA="

func TestBzip2(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(bzip2Tar)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	i, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(data))}, nil)
	if err != nil || i.Files != 1 || i.Bytes != 6 {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestHostile(t *testing.T) {
	ok := tar.Header{Name: "bin/sh", Mode: 0o755, PAXRecords: body("#!")}
	for name, headers := range map[string][]tar.Header{
		"absolute":        {{Name: "/etc/passwd"}},
		"absolute_dir":    {{Typeflag: tar.TypeDir, Name: "/"}},
		"up":              {{Name: "../x"}},
		"up_inside":       {{Name: "a/../../x"}},
		"up_at_the_end":   {{Typeflag: tar.TypeDir, Name: "a/.."}},
		"link_up":         {ok, {Typeflag: tar.TypeLink, Name: "x", Linkname: "../../etc/shadow"}},
		"link_absolute":   {ok, {Typeflag: tar.TypeLink, Name: "x", Linkname: "/etc/shadow"}},
		"link_to_nothing": {ok, {Typeflag: tar.TypeLink, Name: "x", Linkname: "y"}},
		"link_to_dir":     {ok, {Typeflag: tar.TypeLink, Name: "x", Linkname: "bin"}},
		"empty_target":    {ok, {Typeflag: tar.TypeSymlink, Name: "x", Linkname: ""}},
		"owner_minus_one": {ok, {Name: "x", Uid: 1<<32 - 1}},
		"group_minus_one": {ok, {Name: "x", Gid: 1<<32 - 1}},
		"owner_negative":  {ok, {Name: "x", Uid: -5}},
		"long_name":       {ok, {Name: strings.Repeat("a/", 3000) + "x"}},
		"unknown_type":    {ok, {Typeflag: 'Z', Name: "x"}},
		"file_over_dir":   {ok, {Name: "bin", PAXRecords: body("x")}},
		"through_a_file":  {ok, {Name: "bin/sh/x", PAXRecords: body("x")}},
		"xattr_too_large": {ok, {Name: "x", PAXRecords: map[string]string{"SCHILY.xattr.user.a": strings.Repeat("a", 65537)}}},
		"nothing":         {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("hostile.tar", bytes.NewReader(archive(t, headers...)))}, nil)
			if !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.Corrupt) {
				t.Errorf("got %v, want it refused", err)
			}
			t.Log(err)
			w.nothing()
		})
	}
}

func TestPolicy(t *testing.T) {
	device := archive(t, tar.Header{Name: "x"}, tar.Header{Typeflag: tar.TypeBlock, Name: "dev/sda", Devmajor: 8})
	setuid := archive(t, tar.Header{Name: "x", Mode: 0o6755})
	big := archive(t, tar.Header{Name: "x", PAXRecords: body(strings.Repeat("x", 2000))}, tar.Header{Name: "y", PAXRecords: body("y")})
	for _, tc := range []struct {
		name   string
		data   []byte
		policy release.Policy
		want   string // in the listing; empty: refused
	}{
		{"device_dropped", device, release.Policy{}, `"x"`},
		{"device_kept", device, release.Policy{Devices: release.Keep}, `"dev/sda" D---------`},
		{"device_refused", device, release.Policy{Devices: release.Refuse}, ""},
		{"setuid_kept", setuid, release.Policy{}, `"x" ugrwxr-xr-x`},
		{"setuid_dropped", setuid, release.Policy{Setuid: release.Drop}, `"x" -rwxr-xr-x`},
		{"setuid_refused", setuid, release.Policy{Setuid: release.Refuse}, ""},
		{"bytes", big, release.Policy{Bytes: 2000}, ""},
		{"bytes_enough", big, release.Policy{Bytes: 2001}, `"x"`},
		{"entries", big, release.Policy{Entries: 1}, ""},
		{"entries_enough", big, release.Policy{Entries: 2}, `"y"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("x.tar", bytes.NewReader(tc.data)), Policy: tc.policy}, nil)
			if tc.want == "" {
				if !errors.Is(err, fault.Invalid) {
					t.Errorf("got %v, want it refused", err)
				}
				w.nothing()
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if look := strings.Join(w.Lines(storage.Release("r")), "\n"); !strings.Contains(look, tc.want) {
				t.Errorf("no %s in\n%s", tc.want, look)
			}
		})
	}
}

// TestBomb unpacks little that becomes much: a file, the headers, and what comes after the end.
func TestBomb(t *testing.T) {
	zeros := strings.Repeat("\x00", 8<<20)
	var end bytes.Buffer
	end.Write(system(t))
	end.WriteString(zeros)
	for name, plain := range map[string][]byte{
		"file":      archive(t, tar.Header{Name: "x", PAXRecords: body(zeros)}),
		"after_end": end.Bytes(),
	} {
		for format, data := range formats(t, plain) {
			t.Run(name+"/"+format, func(t *testing.T) {
				w := newWorld(t)
				_, err := w.run(release.ImportOptions{
					Name: "r", Source: release.Reader("bomb", bytes.NewReader(data)), Policy: release.Policy{Bytes: 1 << 20, Entries: 100},
				}, nil)
				if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "1048576") {
					t.Errorf("got %v, want it refused for its size", err)
				}
				w.nothing()
			})
		}
	}
}

// TestCutOff cuts archives at many places: what is not whole does not become a release.
func TestCutOff(t *testing.T) {
	for format, data := range formats(t, system(t)) {
		t.Run(format, func(t *testing.T) {
			step := max(1, len(data)/200)
			whole := len(data)
			if format == "tar" {
				whole -= 1024 - 1 // the second block of zeros may lack
			}
			for n := 0; n < whole-1; n += step {
				w := newWorld(t)
				_, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("cut", bytes.NewReader(data[:n]))}, nil)
				if err == nil {
					t.Fatalf("%d of %d bytes became a release", n, len(data))
				}
				w.nothing()
			}
		})
	}
}

func TestDamaged(t *testing.T) {
	for format, data := range formats(t, system(t)) {
		if format == "tar" {
			continue // it has no sums of its own; that is what SHA256 is for
		}
		bad := bytes.Clone(data)
		bad[len(bad)-6] ^= 0x10
		w := newWorld(t)
		if _, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("bad", bytes.NewReader(bad))}, nil); err == nil {
			t.Errorf("%s: a damaged end was not noticed", format)
		}
		w.nothing()
	}
}

func TestDigest(t *testing.T) {
	data := system(t)
	w := newWorld(t)
	for _, bad := range []string{"x", strings.Repeat("g", 64), sum(data)[1:]} {
		_, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(data)), SHA256: bad}, nil)
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("digest %q: %v", bad, err)
		}
	}
	_, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(data)), SHA256: sum(nil)}, nil)
	if !errors.Is(err, fault.Corrupt) || len(fault.Remedies(err)) == 0 {
		t.Errorf("another digest: %v", err)
	}
	w.nothing()
}

// TestAgain imports what is there.
func TestAgain(t *testing.T) {
	data, other := system(t), archive(t, tar.Header{Name: "x"})
	path := filepath.Join(t.TempDir(), "r.tar")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	first, err := w.run(release.ImportOptions{Name: "r", Source: release.File(path)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []release.ImportOptions{
		{Source: release.File(path)},
		{Source: release.File(path), SHA256: sum(data)},
		{Source: release.Reader("x", bytes.NewReader(data)), SHA256: sum(data)},
	} {
		o.Name = "r"
		skipped := false
		again, err := w.run(o, func(ev events.Event) { skipped = skipped || ev.Skipped() })
		if err != nil || !skipped || again != first {
			t.Errorf("the same again: skipped %v, %+v, %v", skipped, again, err)
		}
	}
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []release.ImportOptions{
		{Source: release.File(path)},
		{Source: release.Reader("x", bytes.NewReader(data))},
		{Source: release.Reader("x", bytes.NewReader(other)), SHA256: sum(other)},
	} {
		o.Name = "r"
		if _, err := w.run(o, nil); !errors.Is(err, fault.Exists) {
			t.Errorf("another one: %v, want fault.Exists", err)
		}
	}
}

// TestBrokenOff stops at every event: there is a release, whole, or nothing.
func TestBrokenOff(t *testing.T) {
	data := system(t)
	for n := 1; ; n++ {
		w := newWorld(t)
		seen, whole := 0, false
		run := release.Import(w, release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(data))}).Start(t.Context())
		for ev := range run.Events() {
			whole = ev.Parent == 0 && ev.Phase == events.End
			if seen++; seen == n {
				break
			}
		}
		if whole {
			if _, err := run.Wait(); err != nil {
				t.Error(err)
			}
			return
		}
		w.nothing()
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	w := newWorld(t)
	stop := errors.New("enough")
	src := release.Reader("endless", io.MultiReader(bytes.NewReader(system(t)[:1024]), reader(func(p []byte) (int, error) {
		cancel(stop)
		return len(p), nil
	})))
	_, err := release.Import(w, release.ImportOptions{Name: "r", Source: src}).Do(ctx)
	if !errors.Is(err, stop) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.nothing()
}

type reader func(p []byte) (int, error)

func (f reader) Read(p []byte) (int, error) { return f(p) }

func TestDestroy(t *testing.T) {
	w := newWorld(t)
	if _, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(system(t)))}, nil); err != nil {
		t.Fatal(err)
	}
	c, err := w.Clone(t.Context(), storage.Release("r").Now(), storage.Jail("web"), storage.CloneOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Do[0].Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = release.Destroy(w, "r").Do(t.Context())
	if by, ok := errors.AsType[*storage.UsersError](err); !ok || fmt.Sprint(by.By) != "[jails/web]" {
		t.Errorf("destroy of a release in use: %v", err)
	}
	if err := c.Do[0].Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := release.Destroy(w, "r").Do(t.Context()); err != nil {
		t.Error(err)
	}
	w.nothing()
	if _, err := release.Destroy(w, "r").Do(t.Context()); !errors.Is(err, fault.NotFound) {
		t.Errorf("destroy of nothing: %v", err)
	}
}

func TestDirectorySource(t *testing.T) {
	w := newWorld(t)
	src := release.Directory("embedded", "sha256:1", func(context.Context, string, func(int64, int64) error) (release.Written, error) {
		t.Error("a world without directories was given one")
		return release.Written{}, nil
	})
	i, err := w.run(release.ImportOptions{Name: "embedded", Source: src, Now: func() time.Time { return time.Unix(0, 0) }}, nil)
	if err != nil || i.Digest != "sha256:1" || i.Created.Year() != 1970 {
		t.Errorf("%+v, %v", i, err)
	}
	all, err := release.List(t.Context(), w)
	if err != nil || len(all) != 1 || all[0] != i {
		t.Errorf("list: %+v, %v", all, err)
	}
}

// own is a source that is no archive, as the embedded release is.
type own struct{ digest string }

func (own) String() string                           { return "own" }
func (o own) Digest(context.Context) (string, error) { return o.digest, nil }

func (o own) Write(_ context.Context, t release.Target) (release.Written, error) {
	err := errors.Join(t.Tree.File("x", storage.Attr{Mode: 0o600}, strings.NewReader("x")), t.Progress(1, 1))
	return release.Written{Digest: o.digest, Files: 1, Bytes: 1}, err
}

func TestOwnSource(t *testing.T) {
	w := newWorld(t)
	o := release.ImportOptions{Name: "own", Source: own{"sha256:1"}, Now: func() time.Time { return time.Unix(0, 0) }}
	i, err := w.run(o, nil)
	if err != nil || i.Digest != "sha256:1" || i.Created.Year() != 1970 {
		t.Errorf("%+v, %v", i, err)
	}
	if again, err := w.run(o, nil); err != nil || again != i {
		t.Errorf("again: %+v, %v", again, err)
	}
	o.Source = own{"sha256:2"}
	if _, err := w.run(o, nil); !errors.Is(err, fault.Exists) {
		t.Errorf("another: %v", err)
	}
	all, err := release.List(t.Context(), w)
	if err != nil || len(all) != 1 || all[0] != i {
		t.Errorf("list: %+v, %v", all, err)
	}
}

func TestNoArchive(t *testing.T) {
	dir := t.TempDir()
	for name, src := range map[string]release.Source{
		"missing":   release.File(filepath.Join(dir, "no")),
		"directory": release.File(dir),
		"text":      release.Reader("x", strings.NewReader("not an archive at all")),
		"empty":     release.Reader("x", strings.NewReader("")),
		"zeros":     release.Reader("x", bytes.NewReader(make([]byte, 4096))),
	} {
		w := newWorld(t)
		_, err := w.run(release.ImportOptions{Name: "r", Source: src}, nil)
		if k := fault.KindOf(err); err == nil || k == fault.Unknown {
			t.Errorf("%s: %v of kind %v", name, err, k)
		}
		t.Log(err)
		w.nothing()
	}
}

// FuzzImport lets nothing but whole releases through, and nothing crash.
func FuzzImport(f *testing.F) {
	for _, data := range formats(f, system(f)) {
		f.Add(data)
	}
	f.Add(archive(f, tar.Header{Name: "../x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(t)
		_, err := w.run(release.ImportOptions{
			Name: "r", Source: release.Reader("fuzz", bytes.NewReader(data)), Policy: release.Policy{Bytes: 1 << 20, Entries: 1000, Devices: release.Keep},
		}, nil)
		if err != nil {
			w.nothing()
			return
		}
		for _, line := range w.Lines(storage.Release("r")) {
			if strings.HasPrefix(line, `"/`) || strings.Contains(line, `"../`) || strings.Contains(line, "/../") && !strings.Contains(line, "L") {
				t.Errorf("let in: %s", line)
			}
		}
	})
}

func BenchmarkImport(b *testing.B) {
	var headers []tar.Header
	for i := range 2000 {
		headers = append(headers, tar.Header{Name: fmt.Sprintf("usr/share/d%d/f%d", i%50, i), PAXRecords: body(strings.Repeat("some text ", 500))})
	}
	for format, data := range formats(b, archive(b, headers...)) {
		b.Run(format, func(b *testing.B) {
			b.SetBytes(2000 * 5000)
			for b.Loop() {
				w := newWorld(b)
				if _, err := w.run(release.ImportOptions{Name: "r", Source: release.Reader("x", bytes.NewReader(data))}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
