package run

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// leash is a pipe that nobody writes to: whoever reads its other end learns that the starter is gone,
// however it went. The zero leash is none.
type leash struct{ theirs, ours *os.File }

// attach gives the arguments to start c by. A shell leaves one of its own to watch the pipe, which ends
// the whole group, and becomes the command. Of the descriptors that the command is given the watch
// has none: it must hold nothing.
func (l *leash) attach(c *Cmd) (argv []string, err error) {
	if !c.Leash {
		return c.Argv, nil
	}
	program, err := exec.LookPath(c.Argv[0]) // an error is to be told as one of starting, not by the shell
	if err != nil {
		return nil, err
	}
	if l.theirs, l.ours, err = os.Pipe(); err != nil {
		return nil, err
	}
	const first = 3
	pipe := first + len(c.ExtraFiles)
	var let strings.Builder
	for fd := first; fd < pipe; fd++ {
		fmt.Fprintf(&let, " %d<&-", fd)
	}
	script := fmt.Sprintf(`(read -r _ <&%[1]d; kill -KILL 0) >/dev/null 2>&1%[2]s & exec "$@" %[1]d<&-`, pipe, let.String())
	return append([]string{"/bin/sh", "-c", script, "sh", program}, c.Argv[1:]...), nil
}

// with adds the command's end to what it inherits.
func (l *leash) with(files []*os.File) []*os.File {
	if l.theirs == nil {
		return files
	}
	return append(files[:len(files):len(files)], l.theirs)
}

// started lets the command's end be the command's alone.
func (l *leash) started() {
	if l.theirs != nil {
		_ = l.theirs.Close() // nothing was written to it
		l.theirs = nil
	}
}

// release lets go, which ends what of the group is still there: the watch. It may be called again.
func (l *leash) release() {
	l.started()
	if l.ours != nil {
		_ = l.ours.Close() // as above
		l.ours = nil
	}
}
