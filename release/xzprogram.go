package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// xzMemory is what the program may take to unpack several blocks at once; it takes fewer if that is not enough.
const xzMemory = 512 << 20

// xzProgram is the host's xz, which takes about half as much of a processor as the decoder in Go. Empty: there is none, or it cannot
// unpack several blocks at once, which that one can.
func xzProgram(ctx context.Context, several bool) string {
	path := run.Find("xz")
	if path == "xz" || !several {
		return strings.TrimPrefix(path, "xz")
	}
	// XZ Utils can from 5.4.0 on.
	r, err := run.Command(path, "--robot", "--version").Run(ctx)
	_, version, _ := strings.Cut(string(r.Stdout), "XZ_VERSION=")
	version, _, _ = strings.Cut(version, "\n")
	if n, bad := strconv.Atoi(version); err != nil || bad != nil || n < 50040000 {
		return ""
	}
	return path
}

// xzAside unpacks r, which reads from in, by a program. It is given nothing but r and a pipe, and killed when nobody
// reads on.
func xzAside(in *input, r io.Reader, program string, several bool) (io.Reader, func(), error) {
	from, to, err := run.WidePipe()
	if err != nil {
		return nil, func() {}, err
	}
	memory := maxWindow + 16<<20 // it takes a little more than the dictionary
	if several {
		memory = xzMemory
	}
	x := &xzPipe{from: from, failed: make(chan error, 1)}
	ctx, kill := context.WithCancel(in.ctx)
	go func() {
		cmd := run.Command(program, "--decompress", "--stdout", "--threads=0", "--memlimit-decompress="+strconv.Itoa(memory))
		cmd.Env = []string{"XZ_DEFAULTS=", "XZ_OPT="}
		cmd.Stdin, cmd.Stdout, cmd.Grace = r, to, -1
		_, err := cmd.Run(ctx)
		x.failed <- wrongProgram(err)
		_ = to.Close() // nothing was written to this end
	}()
	a, end := readAhead(in, x)
	return a, func() {
		kill()
		end()
		_ = from.Close() // read-only
	}, nil
}

// xzPipe is what the program writes. Its end is that of the program.
type xzPipe struct {
	from   *os.File
	failed chan error
}

func (x *xzPipe) Read(p []byte) (int, error) {
	n, err := x.from.Read(p)
	if errors.Is(err, io.EOF) {
		if bad := <-x.failed; bad != nil {
			x.failed <- bad // if somebody asks again
			return n, bad
		}
		x.failed <- nil
	}
	return n, err
}

// wrongProgram says what is wrong in the words of this package, as far as it knows those of the program.
func wrongProgram(err error) error {
	e, ok := errors.AsType[*run.Error](err)
	switch {
	case !ok:
		return err
	case strings.Contains(e.Stderr, "Unexpected end of input"):
		return io.ErrUnexpectedEOF
	case strings.Contains(e.Stderr, "Memory usage limit reached"):
		return fault.New("", fault.Invalid, "", fmt.Errorf("it needs a dictionary of more than %d bytes", maxWindow))
	case e.ExitCode != 1: // it was not what it read
		return fault.New("", fault.Unavailable, "", err)
	}
	return err
}
