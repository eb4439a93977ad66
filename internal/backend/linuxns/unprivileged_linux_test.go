package linuxns

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ordinary is the user that the tests become.
const ordinary = 54321

// again matches the tests that an ordinary user runs too.
const again = "^Test(Driver|Overlay|Hardening|Escape)"

// TestUnprivileged runs the other tests again as a user without any right, from a copy of the program
// that is this user's own.
func TestUnprivileged(t *testing.T) {
	dir, program := ordinaryProgram(t)
	cmd := exec.Command(program, "-test.v", "-test.run", again)
	cmd.Dir, cmd.Env = dir, ordinaryEnv(dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary}}
	judge(t, cmd)
}

// TestUnprivilegedRanges does so with a user who was given ranges of ids.
func TestUnprivilegedRanges(t *testing.T) {
	for _, name := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	dir, program := ordinaryProgram(t)
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"passwd": string(passwd) + fmt.Sprintf("ioctest:x:%d:%d::/:/bin/sh\n", ordinary, ordinary),
		"subuid": "ioctest:300000:65536\n",
		"subgid": "ioctest:400000:65536\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "ranges", dir, program, "-test.v", "-test.run", again)
	cmd.Dir, cmd.Env = dir, append(ordinaryEnv(dir), "IOC_PROBE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	judge(t, cmd)
}

// becomeRanged is a probe: in a mount namespace of its own it gives the machine's files of users another
// content, becomes the user and executes the rest of its arguments.
func becomeRanged(args []string) int {
	dir, rest := args[0], args[1:]
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	for _, name := range []string{"passwd", "subuid", "subgid"} {
		if err == nil {
			err = unix.Mount(filepath.Join(dir, name), "/etc/"+name, "", unix.MS_BIND, "")
		}
	}
	if err == nil {
		err = syscall.Setgroups(nil)
	}
	if err == nil {
		err = syscall.Setgid(ordinary)
	}
	if err == nil {
		err = syscall.Setuid(ordinary)
	}
	if err == nil {
		err = syscall.Exec(rest[0], rest, ordinaryEnv(dir))
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// ordinaryProgram makes a copy of the test program that belongs to the ordinary user.
func ordinaryProgram(t *testing.T) (dir, program string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user; run the tests as that user instead")
	}
	dir, err := os.MkdirTemp("", "ioc-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program = filepath.Join(dir, "linuxns.test")
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, program} {
		if err := os.Chown(name, ordinary, ordinary); err != nil {
			t.Fatal(err)
		}
	}
	return dir, program
}

func ordinaryEnv(dir string) []string {
	return []string{"TMPDIR=" + dir, "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
}

func judge(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if err != nil || strings.Contains(line, "SKIP") {
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "--- PASS: TestDriver") {
		t.Errorf("no test was run: %s", out)
	}
}
