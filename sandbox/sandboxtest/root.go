package sandboxtest

import (
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/libioc/ioc/sandbox"
)

// MakeRoot makes a directory that can be a jail's root: empty mount points, a user database, and the
// test program.
func MakeRoot(t testing.TB, dir string) {
	t.Helper()
	for _, d := range []string{"proc", "sys", "dev", "tmp", "etc", "root"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(filepath.Join(dir, "tmp"), 0o1777))
	must(os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte(
		"root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:web:/home/web:/bin/sh\n",
	), 0o644))
	must(os.WriteFile(filepath.Join(dir, "etc/group"), []byte(
		"root:x:0:\nweb:x:1001:\nlog:x:1002:root,web\nadm:x:1003:web\n",
	), 0o644))
	must(copyFile(filepath.Join(dir, Probe), "/proc/self/exe"))
}

// copyFile makes a copy, on purpose not a link: jails try to write it.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// Libraries are the mounts that the test program needs inside if it was not built statically, as it is
// under the race detector.
func Libraries(t testing.TB) []sandbox.Mount {
	t.Helper()
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var mounts []sandbox.Mount
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		for _, dir := range []string{"/lib", "/lib64", "/usr/lib"} {
			if _, err := os.Stat(dir); err == nil {
				mounts = append(mounts, sandbox.Mount{Type: "bind", Source: dir, Target: dir, Options: []string{"ro"}})
			}
		}
	}
	return mounts
}

// ProbeProcess is a process of a jail that does what a probe can do.
func ProbeProcess(args ...string) sandbox.Process {
	return sandbox.Process{Args: append([]string{Probe}, args...), Env: append(raceEnv(), probeMark+"=1")}
}
