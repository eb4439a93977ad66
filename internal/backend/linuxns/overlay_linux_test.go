package linuxns

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/sandbox"
)

// layers gives the lab's jail a root of three layers below one that takes changes.
func (l *lab) layers(t *testing.T) *sandbox.Overlay {
	t.Helper()
	o := &sandbox.Overlay{
		Upper: filepath.Join(l.dir, "upper"), Work: filepath.Join(l.dir, "work"), UserXattr: os.Geteuid() != 0,
	}
	for _, d := range []string{"newer", "older", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(l.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"newer/which": "newer", "older/which": "older", "older/old": "old", "root/which": "root", "root/tmp/gone": "x",
	} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o.Lowers = []string{filepath.Join(l.dir, "newer"), filepath.Join(l.dir, "older"), l.root}
	l.spec.Root = sandbox.Root{Overlay: o}
	return o
}

// kernelBefore compares the running kernel's version.
func kernelBefore(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var a, b int
	_, _ = fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b)
	return a < major || a == major && b < minor
}

func TestOverlay(t *testing.T) {
	for name, way := range map[string]int64{
		"any": stage.OverlayAny, "new": stage.OverlayNew, "string": stage.OverlayString, "old": stage.OverlayOld,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			o := l.layers(t)
			if way == stage.OverlayNew && kernelBefore(6, 5) {
				t.Skip("this kernel takes no option per layer")
			}
			j := l.begin(t, overlayWay(way))
			if got := l.probe(t, j, "read", "/which", "/old"); got != "newerold" {
				t.Errorf("layers read %q, want newer over older", got)
			}
			l.probe(t, j, "write", "/which", "changed")
			if b, err := os.ReadFile(filepath.Join(o.Upper, "which")); err != nil || string(b) != "changed" {
				t.Errorf("upper has %q, %v", b, err)
			}
			if b, err := os.ReadFile(filepath.Join(l.dir, "newer/which")); err != nil || string(b) != "newer" {
				t.Errorf("lower has %q, %v", b, err)
			}
			host, err := os.ReadFile("/proc/self/mountinfo")
			if err != nil || strings.Contains(string(host), l.dir) {
				t.Errorf("the host's mount table has the jail's mounts (%v)", err)
			}
			if inside := l.probe(t, j, "read", "/proc/self/mountinfo"); strings.Contains(inside, l.dir) {
				t.Errorf("the jail's mount table names the host's paths:\n%s", inside)
			}
		})
	}
}

func TestOverlayReadOnly(t *testing.T) {
	l := newLab(t)
	o := l.layers(t)
	o.Upper, o.Work = "", ""
	if len(l.spec.Mounts) > 0 {
		t.Skip("the test program needs libraries of the host")
	}
	j := l.begin(t)
	if out, exit, err := l.run(t, j, probeProcess("write", "/which", "x")); err != nil || exit.Status() == 0 {
		t.Errorf("a root without an upper layer was written: %v %s", err, out)
	}
}

// TestOverlayLongPaths: the kernel takes 255 bytes for an option; paths are longer than that.
func TestOverlayLongPaths(t *testing.T) {
	l := newLab(t)
	o := l.layers(t)
	deep := filepath.Join(l.dir, strings.Repeat("d", 200), strings.Repeat("e", 200))
	if err := os.MkdirAll(filepath.Dir(deep), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(o.Lowers[0], deep); err != nil {
		t.Fatal(err)
	}
	o.Lowers[0] = deep
	j := l.begin(t)
	if got := l.probe(t, j, "read", "/which"); got != "newer" {
		t.Errorf("read %q, want newer", got)
	}
}

// TestOverlayManyLayers: neither an option per layer nor the one page of an old kernel gets full.
func TestOverlayManyLayers(t *testing.T) {
	for name, way := range map[string]int64{"any": stage.OverlayAny, "old": stage.OverlayOld} {
		t.Run(name, func(t *testing.T) { manyLayers(t, newLab(t), way) })
	}
}

func manyLayers(t *testing.T, l *lab, way int64) {
	t.Helper()
	o := l.layers(t)
	for i := range 300 {
		d := filepath.Join(l.dir, "layer"+itoa(i))
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		o.Lowers = append(o.Lowers, d)
	}
	j := l.begin(t, overlayWay(way))
	if got := l.probe(t, j, "read", "/which"); got != "newer" {
		t.Errorf("read %q, want newer", got)
	}
}

func TestOverlayFailure(t *testing.T) {
	l := newLab(t)
	o := l.layers(t)
	o.Work = filepath.Join(o.Upper, "work") // inside the upper: the kernel refuses
	if err := os.Mkdir(o.Work, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := l.try(t); err == nil || !strings.Contains(err.Error(), "overlay") {
		t.Errorf("start with a work directory in the upper: %v", err)
	} else {
		t.Log(err)
	}
}
