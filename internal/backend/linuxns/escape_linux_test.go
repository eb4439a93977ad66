package linuxns

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/linuxns/stage"
	"github.com/libioc/ioc/sandbox"
)

// TestEscapeExecutable is CVE-2019-5736: jails' processes take the program that joins them, and that
// which was before the jail's own, and write it. Without SYS_PTRACE they do not even get at it; with it the
// mount that it is executed from has to hold.
func TestEscapeExecutable(t *testing.T) {
	t.Run("default", func(t *testing.T) { attack(t, newLab(t)) })
	t.Run("ptrace", func(t *testing.T) {
		l := newLab(t)
		l.spec.Capabilities = append(DefaultCapabilities(), "SYS_PTRACE")
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		said := attack(t, l)
		if !strings.Contains(said, "held "+filepath.Base(self)) && !strings.Contains(said, "held memfd:ioc (deleted)") {
			t.Error("the attacker never held the program: the test proves nothing")
		}
	})
}

func attack(t *testing.T, l *lab) string {
	t.Helper()
	before := fingerprint(t)
	j := l.begin(t)
	in, stop, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, said, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s, err := l.Exec(j, probeProcess("attack"), sandbox.Stdio{In: in, Out: said, Err: said})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	said.Close()
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		l.probe(t, j, "true")
	}
	stop.Close()
	report, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", report)
	if fingerprint(t) != before {
		t.Error("the program was written from inside a jail")
	}
	for line := range strings.Lines(string(report)) {
		if strings.HasPrefix(line, "written ok") || strings.HasPrefix(line, "OUTSIDE") {
			t.Errorf("attack: %s", line)
		}
	}
	if !strings.Contains(string(report), "looked") {
		t.Error("the attacker met nobody")
	}
	return string(report)
}

func fingerprint(t *testing.T) [32]byte {
	t.Helper()
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

// TestEscapeOwnProgram holds the two ways of protecting a program against somebody who has a descriptor
// of it. The program is one that nobody executes: else the kernel would refuse with ETXTBSY for as long.
func TestEscapeOwnProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	copied, err := sealedCopy(file)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	all := map[string]*executable{"copied": copied}
	if os.Geteuid() == 0 {
		m, err := mounted(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		all["mounted"] = m
	}
	for name, e := range all {
		path := "/proc/self/fd/" + itoa(int(e.Fd()))
		for _, flags := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND} {
			f, err := os.OpenFile(path, flags, 0)
			if name == "mounted" && !errors.Is(err, unix.EROFS) {
				t.Errorf("%s: opened for writing: %v", name, err)
			}
			if err != nil {
				continue
			}
			// Memory can be opened, and sealed memory not be written.
			if _, err := f.WriteString("x"); !errors.Is(err, unix.EPERM) {
				t.Errorf("%s: write with flags %#x: %v", name, flags, err)
			}
			if err := f.Truncate(0); !errors.Is(err, unix.EPERM) {
				t.Errorf("%s: truncate: %v", name, err)
			}
			f.Close()
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "program" {
			t.Errorf("%s: is now %q (%v)", name, b, err)
		}
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "program" {
		t.Errorf("the program is now %q (%v)", b, err)
	}
}

// TestEscapeWorkingDirectory is CVE-2024-21626: a working directory that is a descriptor of the host.
func TestEscapeWorkingDirectory(t *testing.T) {
	l := newLab(t)
	host, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY, 0) // leaks into every child without care
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(host)
	j := l.begin(t)
	var outside []string // what lists the host's root
	entries, err := os.ReadDir("/")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		outside = append(outside, e.Name())
	}
	escaped := func(out string) bool { return out == strings.Join(outside, "\n") }
	for fd := range 80 {
		p := probeProcess("list", "/proc/self/cwd/")
		p.Dir = fmt.Sprintf("/proc/self/fd/%d", fd)
		if out, _, err := l.run(t, j, p); err == nil && escaped(out) {
			t.Errorf("working directory %s leads out", p.Dir)
		}
	}
	for fd := 3; fd < 80; fd += 7 { // a whole start each
		first := newLab(t)
		p := probeProcess("list", "/proc/self/cwd/")
		p.Dir = fmt.Sprintf("/proc/self/fd/%d", fd)
		first.spec.Process, first.spec.Console = &p, filepath.Join(first.dir, "console")
		j, err := first.try(t)
		if err != nil {
			continue
		}
		if _, err := first.Wait(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if out, err := os.ReadFile(first.spec.Console); err != nil || escaped(strings.TrimSpace(string(out))) {
			t.Errorf("working directory %s of a first process leads out (%v)", p.Dir, err)
		}
	}
	for _, up := range []string{"/../../../..", "/proc/1/root", "/proc/1/cwd"} {
		p := probeProcess("list", ".")
		p.Dir = up
		out, _, err := l.run(t, j, p)
		if err == nil && escaped(out) {
			t.Errorf("working directory %s leads out", up)
		}
	}
}

// TestEscapeHostileRoot: a root whose directories are links to the host's does not make mounts go there.
func TestEscapeHostileRoot(t *testing.T) {
	for _, name := range []string{"proc", "sys", "dev"} {
		for kind, to := range map[string]string{
			"absolute": "/tmp", "up": "../../../../../../tmp", "own": "tmp", "magic": "/proc/self/root/tmp", "loop": name,
		} {
			t.Run(name+"_"+kind, func(t *testing.T) {
				l := newLab(t)
				link := filepath.Join(l.root, name)
				if err := os.Remove(link); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(to, link); err != nil {
					t.Fatal(err)
				}
				if _, err := l.try(t); err == nil || !strings.Contains(err.Error(), "/"+name) || !errors.Is(err, unix.ELOOP) {
					t.Errorf("start with %s -> %s: %v; want it refused as a link", name, to, err)
				}
			})
		}
	}
	t.Run("file", func(t *testing.T) {
		l := newLab(t)
		if err := os.Remove(filepath.Join(l.root, "proc")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(l.root, "proc"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := l.try(t); err == nil {
			t.Error("a file in the place of /proc was accepted")
		}
	})
}

// TestEscapeMountTargets: neither the last name of a target nor any before it may be a link, and what is
// made for a target is made inside.
func TestEscapeMountTargets(t *testing.T) {
	outside := t.TempDir()
	for _, kind := range []string{"bind", "tmpfs"} {
		for _, target := range []string{"/link", "/link/below", "/dir/link", "/dir/link/a/b/c", "/up/x"} {
			t.Run(kind+strings.ReplaceAll(target, "/", "_"), func(t *testing.T) {
				l := newLab(t)
				for link, to := range map[string]string{
					"link": outside, "dir/link": outside, "up": "../../../../../../../.." + outside,
				} {
					name := filepath.Join(l.root, link)
					if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.Symlink(to, name); err != nil {
						t.Fatal(err)
					}
				}
				l.spec.Mounts = append(l.spec.Mounts, sandbox.Mount{Type: kind, Source: l.dir, Target: target})
				if _, err := l.try(t); !errors.Is(err, unix.ELOOP) {
					t.Errorf("start: %v, want it refused as a link", err)
				}
				if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
					t.Errorf("outside there is now %v (%v)", left, err)
				}
			})
		}
	}
}

// TestEscapeMountSource: where the source of a bind lies in a directory that others can write to, no link that they put on the
// way is followed, as in CVE-2017-1002101, at the start nor while the jail runs.
func TestEscapeMountSource(t *testing.T) {
	outside := t.TempDir()
	if err := os.MkdirAll(filepath.Join(outside, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{"last": "link", "before": "link/a", "deep": "dir/link/a/b", "back": "back/a"} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			theirs := t.TempDir()
			if err := errors.Join(os.Mkdir(filepath.Join(theirs, "dir"), 0o755), os.Symlink(outside, filepath.Join(theirs, "link")),
				os.Symlink(outside, filepath.Join(theirs, "dir", "link")), os.Symlink(".", filepath.Join(theirs, "back")),
				os.Mkdir(filepath.Join(theirs, "a"), 0o755)); err != nil {
				t.Fatal(err)
			}
			m := sandbox.Mount{Type: "bind", Source: filepath.Join(theirs, source), Within: theirs, Target: "/data"}
			bare := l.spec.Mounts
			l.spec.Mounts = append(slices.Clone(bare), m)
			if _, err := l.try(t); !errors.Is(err, unix.ELOOP) {
				t.Errorf("start: %v, want it refused as a link", err)
			}
			m.Source = filepath.Join(theirs, "a")
			l.spec.Mounts = append(bare, m)
			j := l.begin(t)
			m.Source, m.Target = filepath.Join(theirs, source), "/other"
			e, err := l.Mount(j, m)
			if err == nil {
				err = e.Do(t.Context())
			}
			switch {
			case errors.Is(err, fault.NotSupported) && os.Geteuid() != 0: // nothing is mounted in a running jail of an ordinary user's
			case !errors.Is(err, unix.ELOOP):
				t.Errorf("mount: %v, want it refused as a link", err)
			}
		})
	}
}

// TestFollowedTarget: a file that is mounted where the root has a link, as many have one for resolv.conf, is seen
// through the link, which leads to a file of the root and nowhere else. The kernel's own file systems are
// out of reach: what is mounted in /proc would be CVE-2019-16884 and CVE-2025-31133.
func TestFollowedTarget(t *testing.T) {
	for to, refused := range map[string]error{
		"../run/resolve/stub.conf": nil, // and there is no directory of that name
		"/run/resolv.conf":         nil,
		"../../../../etc/other":    nil,
		"second":                   nil,
		"/proc/self/attr/exec":     unix.EXDEV,
		"/dev/null":                unix.EXDEV,
		"resolv.conf":              unix.ELOOP,
		"/linked/x":                unix.ELOOP,
	} {
		t.Run(strings.ReplaceAll(to, "/", "_"), func(t *testing.T) {
			l := newLab(t)
			if err := os.WriteFile(filepath.Join(l.dir, "ours"), []byte("ours"), 0o644); err != nil {
				t.Fatal(err)
			}
			for link, to := range map[string]string{"etc/resolv.conf": to, "etc/second": "/etc/third", "linked": "etc"} {
				if err := os.Symlink(to, filepath.Join(l.root, link)); err != nil {
					t.Fatal(err)
				}
			}
			l.spec.Mounts = append(l.spec.Mounts, sandbox.Mount{
				Type: "bind", Source: filepath.Join(l.dir, "ours"), Target: "/etc/resolv.conf", Follow: true,
			})
			j, err := l.try(t)
			if !errors.Is(err, refused) {
				t.Fatalf("start: %v, want %v", err, refused)
			}
			if refused == nil {
				if out := l.probe(t, j, "read", "/etc/resolv.conf"); out != "ours" {
					t.Errorf("through the link the jail sees %q", out)
				}
			}
		})
	}
}

// TestEscapeMasks is CVE-2025-31133 and its siblings: what masks a file is the null device, and not
// whatever a root has managed to put in its place.
func TestEscapeMasks(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"file":   func(path string) error { return os.WriteFile(path, []byte("secret"), 0o644) },
		"link":   func(path string) error { return os.Symlink("/proc/sys/kernel/core_pattern", path) },
		"device": func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) },
		"none":   func(string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "device" && os.Geteuid() != 0 {
				t.Skip("only root can make devices")
			}
			l := newLab(t)
			if err := prepare(filepath.Join(l.root, "dev/null")); err != nil {
				t.Fatal(err)
			}
			// As if the jail had won the race against the driver's own /dev: the root's is seen instead.
			_, err := l.try(t, func(s *Spawn) {
				s.program = slices.DeleteFunc(s.program, func(step stage.Step) bool {
					return (step.Op == stage.OpAttach || step.Op == stage.OpSymlink) && strings.HasPrefix(step.S[len(step.S)-1], "/dev")
				})
			})
			if err == nil || !strings.Contains(err.Error(), "/dev/null") {
				t.Errorf("start with a false null device: %v", err)
			}
		})
	}
}

// TestEscapeDatabase: a user database that is a link, or a device that never ends, is not read.
func TestEscapeDatabase(t *testing.T) {
	for name, to := range map[string]string{"host": "/etc/passwd", "device": "/dev/zero", "process": "/proc/1/environ"} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			passwd := filepath.Join(l.root, "etc/passwd")
			if err := os.Remove(passwd); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, passwd); err != nil {
				t.Fatal(err)
			}
			j := l.begin(t)
			p := probeProcess("id")
			p.User.Name = "web"
			if out, _, err := l.run(t, j, p); !errors.Is(err, unix.ELOOP) {
				t.Errorf("user of a database that is a link: %v %s", err, out)
			}
			l.probe(t, j, "id") // a number needs no database
		})
	}
}
