package linuxns

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

var _ sandbox.Listener = (*Driver)(nil)

// Listening reads the tables of sockets that the first process's /proc/PID/net has, which are those of its network
// (proc_pid_net(5)). Where that is the host's own, only sockets count that a process of the jail has open.
func (d *Driver) Listening(_ context.Context, j sandbox.State, port uint16) (bool, error) {
	fd, err := d.held("listen", j)
	if err != nil {
		return false, err
	}
	defer fd.Close()
	proc := "/proc/" + itoa(j.PID)
	sockets := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(proc + "/net/" + table)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6 has no tcp6
			return false, fault.New("listen", kindOf(err), "network of jail "+j.ID, bare(err))
		}
		for line := range strings.Lines(string(text)) {
			if inode, ok := listener(line, port); ok {
				sockets["socket:["+inode+"]"] = true
			}
		}
	}
	if len(sockets) == 0 || !sameFile(proc+"/ns/net", "/proc/self/ns/net") {
		return len(sockets) > 0, nil
	}
	for _, pid := range processesOf(j) {
		dir := "/proc/" + pid + "/fd/"
		open, err := os.ReadDir(dir)
		if err != nil {
			continue // it has just ended
		}
		for _, e := range open {
			if to, err := os.Readlink(dir + e.Name()); err == nil && sockets[to] {
				return true, nil
			}
		}
	}
	return false, nil
}

// listener reads a line of /proc/net/tcp: number, local address, remote address, state, ..., inode as the tenth.
func listener(line string, port uint16) (inode string, ok bool) {
	const listens = "0A" // TCP_LISTEN
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != listens {
		return "", false
	}
	_, hex, _ := strings.Cut(f[1], ":")
	n, err := strconv.ParseUint(hex, 16, 16)
	return f[9], err == nil && uint16(n) == port
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}
