package itest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	// ordinaryEnv says that this process runs the tests again as an ordinary user.
	ordinaryEnv = "IOC_ITEST_ORDINARY"
	// becomeEnv says that it has to become that user first; it names the user's directory.
	becomeEnv = "IOC_ITEST_BECOME"

	// uid is the ordinary user's, and the group's.
	uid = 54321

	// ordinaryScenarios are those of the crash matrix that the ordinary user runs.
	ordinaryScenarios = "create clone start start-hook stop restart exec rename snapshot-destroy rollback destroy-force fetch run recover-start"
)

func ordinary() bool { return os.Getenv(ordinaryEnv) != "" }

// TestOrdinaryUser runs the other tests as a user without any right, and as one who was given ranges of ids.
func TestOrdinaryUser(t *testing.T) {
	needsJails(t)
	if os.Geteuid() != 0 {
		t.Skip("becoming somebody else: needs root")
	}
	t.Run("plain", func(t *testing.T) { runAs(t, false) })
	t.Run("ranges", func(t *testing.T) {
		for _, name := range []string{"newuidmap", "newgidmap"} {
			if _, err := exec.LookPath(name); err != nil {
				t.Skip(name + " is not installed")
			}
		}
		runAs(t, true)
	})
}

func runAs(t *testing.T, ranges bool) {
	t.Helper()
	dir, program := userPlace(t, ranges)
	out, err := asUser(t, dir, program, "^Test(Crash|Cycles|Busy|KilledInit|FiftyProcesses|TwoRoots)$")
	cells, skipped := strings.Count(out, "--- PASS: TestCrash/"), strings.Count(out, "--- SKIP")
	t.Logf("%d cells of the crash matrix, %d tests skipped", cells, skipped)
	if err != nil || cells == 0 || skipped > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// userPlace makes the ordinary user's directory, with a copy of this program that is the user's own.
func userPlace(t *testing.T, ranges bool) (dir, program string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "user-")
	if err != nil {
		t.Fatal(err)
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	program = filepath.Join(dir, "itest.test")
	copied, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(copied, self)
	if err = errors.Join(err, copied.Close()); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"passwd": string(passwd) + fmt.Sprintf("ioctest:x:%d:%d::/:/bin/sh\n", uid, uid), "subuid": "", "subgid": ""}
	if ranges {
		files["subuid"], files["subgid"] = "ioctest:300000:65536\n", "ioctest:400000:65536\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{dir, program} {
		if err := os.Chown(name, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	return dir, program
}

// asUser runs tests as the ordinary user whose directory and program these are.
func asUser(t *testing.T, dir, program, tests string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "-test.v", "-test.timeout", "60m", "-test.run", tests)
	cmd.Dir = dir
	cmd.Env = []string{"TMPDIR=" + dir, "HOME=" + dir, "PATH=" + os.Getenv("PATH"), ordinaryEnv + "=1", becomeEnv + "=" + dir}
	if long() {
		cmd.Env = append(cmd.Env, "IOC_LONG=1")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// become makes this process the ordinary user's: in a mount namespace in which the machine's lists of users
// are others.
func become() {
	dir, ok := os.LookupEnv(becomeEnv)
	if !ok {
		return
	}
	err := errors.Join(os.Unsetenv(becomeEnv), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	for _, name := range []string{"passwd", "subuid", "subgid"} {
		if _, e := os.Stat("/etc/" + name); err == nil && e == nil {
			err = unix.Mount(filepath.Join(dir, name), "/etc/"+name, "", unix.MS_BIND, "")
		}
	}
	if err == nil {
		err = errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid))
	}
	if err == nil { // as if it had never been another's
		err = syscall.Exec(filepath.Join(dir, "itest.test"), os.Args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
