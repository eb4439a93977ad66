package run

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// pipe carries one stream of a command to its sink and, by lines, to Cmd.Line.
type pipe struct {
	from        Stream
	read, write *os.File
	sink        io.Writer
	byLine      bool
	linger      atomic.Int64 // time.Duration; 0 while the command lives
}

// commandGone starts the bound on waiting for those who hold the pipe although the command has ended.
func (q *pipe) commandGone(linger time.Duration) {
	q.linger.Store(int64(linger))
	_ = q.read.SetReadDeadline(now().Add(linger)) // fails only when the reader has closed it: all was read
}

// copy reads the pipe to its end. A sink that refuses ends the command, but not the reading: a
// command that is about to end must not hang in a full pipe.
func (q *pipe) copy(p *process) {
	defer q.read.Close()
	var part []byte // of a line
	buf := make([]byte, 32<<10)
	refused := false
	for {
		if linger := time.Duration(q.linger.Load()); linger > 0 && !p.hurry.Load() {
			_ = q.read.SetReadDeadline(now().Add(linger)) // the time in Cmd.Line does not count
		}
		n, err := q.read.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// Read does not look into the pipe when the deadline has passed, and it passes on a busy
			// machine: only an empty pipe is silence.
			if n = readNow(q.read, buf); n > 0 {
				err = nil
			}
		}
		if n > 0 && !refused {
			if _, werr := q.sink.Write(buf[:n]); werr != nil {
				refused = true
				p.broken <- werr
			}
		}
		if q.byLine {
			part = q.send(p, append(part, buf[:n]...))
		}
		if err != nil {
			if len(part) > 0 {
				p.lines <- line{q.from, string(part)}
			}
			if !refused && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
				p.broken <- err
			}
			return
		}
	}
}

// send hands on the complete lines of data and returns the rest.
func (q *pipe) send(p *process, data []byte) []byte {
	for {
		text, rest, whole := bytes.Cut(data, []byte("\n"))
		if len(text) > maxLine {
			text, rest, whole = data[:maxLine], data[maxLine:], true
		}
		if !whole {
			return data
		}
		p.lines <- line{q.from, string(text)}
		data = rest
	}
}

// bounded keeps what is written to it up to most bytes and refuses more.
type bounded struct {
	data []byte
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.most-len(b.data))
	b.data = append(b.data, p[:n]...)
	if n < len(p) {
		return n, ErrTooMuchOutput
	}
	return n, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	data []byte
	cut  bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - maxTail; over > 0 {
		t.data, t.cut = append(t.data[:0], t.data[over:]...), true
	}
	return len(p), nil
}

// text is the tail without the line that was cut into.
func (t *tail) text() string {
	if _, rest, ok := bytes.Cut(t.data, []byte("\n")); ok && t.cut {
		return string(rest)
	}
	return string(t.data)
}
