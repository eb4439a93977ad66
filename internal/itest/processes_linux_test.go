package itest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rootID is the short id of a root, which all its names in the kernel carry.
func rootID(root string) (string, error) {
	number, err := os.ReadFile(filepath.Join(root, "id"))
	if err != nil {
		return "", err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(string(number)) + "\x00" + root))
	return hex.EncodeToString(sum[:4]), nil
}

// process is one that has to do with a root.
type process struct {
	pid    int
	fd     int // a pidfd: the number may be another's soon
	args   string
	groups string
	mounts string // mountinfo, if it is not ours
	files  []string
	why    string // what it has to do with the root
}

// processesOf finds all processes of a root: by their control group, by their name, by what they have
// mounted and by the files they have open.
func processesOf(root, id string) ([]*process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	mine, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, err
	}
	var all []*process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended
		}
		p := &process{pid: pid, fd: fd}
		if p.look(root, id, mine); p.why == "" || p.ended() {
			_ = unix.Close(fd)
			continue
		}
		all = append(all, p)
	}
	return all, nil
}

func (p *process) dir() string { return "/proc/" + strconv.Itoa(p.pid) }

func (p *process) look(root, id, mine string) {
	read := func(name string) string {
		b, _ := os.ReadFile(filepath.Join(p.dir(), name)) // it may be over, or somebody else's
		return string(b)
	}
	p.args = strings.TrimRight(strings.ReplaceAll(read("cmdline"), "\x00", " "), " ")
	p.groups = read("cgroup")
	if ns, err := os.Readlink(p.dir() + "/ns/mnt"); err == nil && ns != mine {
		p.mounts = read("mountinfo")
	}
	fds, _ := filepath.Glob(p.dir() + "/fd/*")
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil {
			p.files = append(p.files, filepath.Base(fd)+" "+target)
		}
	}
	slices.Sort(p.files)
	below := func(s string) bool { return strings.Contains(s, root+"/") || strings.HasSuffix(s, root) }
	switch {
	case strings.Contains(p.groups, "ioc-"+id):
		p.why = "group"
	case strings.HasPrefix(p.args, "ioc: "+id):
		p.why = "name"
	case strings.Contains(p.args, root+"/run/links/") && !strings.HasPrefix(p.args, "sh -c "): // beside a jail
		p.why, p.files = "arguments", nil
	case below(p.mounts):
		p.why = "mounts"
	case slices.ContainsFunc(p.files, below) && p.args != strings.Join(os.Args, " "): // else it is about to be a child of this one
		p.why = "files"
	}
}

// ended tells a process that is dead, whether or not its parent knows.
func (p *process) ended() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

func (p *process) kill() error { return unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0) }

// gone waits until a killed process has ended, and forgets it.
func (p *process) gone() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil && !p.ended() {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, 1000) // asked again
	}
	p.close()
}

func (p *process) close() { _ = unix.Close(p.fd) }

// groupsOf lists the control groups of a root, the outer ones first.
func groupsOf(id string) []string {
	var all []string
	for _, pattern := range []string{"/sys/fs/cgroup/ioc-", "/sys/fs/cgroup/*/ioc-"} {
		found, _ := filepath.Glob(pattern + id) // the pattern is right
		for _, dir := range found {
			all = append(all, dir)
			inner, _ := os.ReadDir(dir) // it may be gone
			for _, e := range inner {
				if e.IsDir() {
					all = append(all, filepath.Join(dir, e.Name()))
				}
			}
		}
	}
	return all
}

// namespaces lists the kinds in which a process is not where this one is.
func (p *process) namespaces() (string, error) {
	var all []string
	for _, kind := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		theirs, err := os.Readlink(p.dir() + "/ns/" + kind)
		if err != nil {
			return "", err
		}
		ours, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			return "", err
		}
		if theirs != ours {
			all = append(all, kind)
		}
	}
	return strings.Join(all, " "), nil
}
