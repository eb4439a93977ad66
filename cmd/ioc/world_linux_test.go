package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkout ends all jails below dir and complains about whatever is left of them in the kernel.
func checkout(t testing.TB, p *person, dir string) {
	t.Helper()
	var ids []string
	for _, root := range roots(dir) {
		ids = append(ids, identity(t, root))
		for _, problem := range clear(root, func(args ...string) *exec.Cmd { return p.command(environment(dir), args...) }) {
			t.Error("at the end:", problem)
		}
	}
	for _, left := range leftovers(t, dir, ids) {
		t.Error("left behind:", left)
	}
}

// environment is all that a call of ioc is given.
func environment(dir string) []string {
	return []string{
		"HOME=" + dir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb", "IOC_ROOT=" + filepath.Join(dir, "root"),
		"TMPDIR=" + os.TempDir(), "LANG=C.UTF-8",
	}
}

// roots are the directories below dir that ioc keeps jails in.
func roots(dir string) []string {
	var all []string
	for _, pattern := range []string{"*/journal", ".local/share/ioc/journal"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) //nolint:errcheck // the patterns are right
		for _, journal := range found {
			all = append(all, filepath.Dir(journal))
		}
	}
	return all
}

// identity is what the kernel's names of a root's jails begin with.
func identity(t testing.TB, root string) string {
	t.Helper()
	number, err := os.ReadFile(filepath.Join(root, "id"))
	if err != nil {
		t.Error(err)
		return "none"
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(string(number)) + "\x00" + root))
	return hex.EncodeToString(sum[:4])
}

// leftovers are mounts below dir, and control groups and processes that have an id in their names.
func leftovers(t testing.TB, dir string, ids []string) []string {
	t.Helper()
	var all []string
	ours := func(s string) bool { // another directory's name may begin with this one's
		return strings.Contains(s, dir+"/") || strings.Contains(s, dir+"\x00") || strings.Contains(s, dir+" ") || slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(s, id) })
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if ours(line) {
			all = append(all, "mount "+strings.TrimSpace(line))
		}
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && ours(filepath.Base(path)) {
			all = append(all, "control group "+path)
		}
		return nil // groups of others come and go
	})
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		if dead(p) {
			continue
		}
		for _, file := range []string{"cmdline", "cgroup"} {
			text, err := os.ReadFile(filepath.Join(p, file))
			if err == nil && ours(string(text)) {
				all = append(all, "process "+p+": "+strings.ReplaceAll(string(text), "\x00", " "))
				break
			}
		}
	}
	return all
}

// dead tells that a process has ended and its parent, the host's own init mostly, has not looked yet.
func dead(dir string) bool {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}
