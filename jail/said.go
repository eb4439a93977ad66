package jail

import (
	"bytes"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
)

// A command's output goes into the stream every saidEvery, or when there are saidLines lines of it. Longer lines than
// saidColumns bytes go there in pieces. Nothing is left out: who writes more than can be taken waits.
const (
	saidEvery   = 100 * time.Millisecond
	saidLines   = 64
	saidColumns = 1 << 10
	pipeHolds   = 64 << 10 // what a pipe may hold when its writer ends, see pipe(7)
)

// listener hears what a command says.
type listener struct {
	r, w *os.File
	said chan events.Output // closed when all was heard
	end  chan struct{}      // closed when the command is over
	gone chan struct{}      // closed when nobody listens any more
	log  *os.File           // gets what is heard, as far as consoleMax goes; nil: nothing does
	kept int                // how much of it has
	held bool               // said is closed, and somebody still has the other end: the command left a process behind
}

// listen makes a listener. The command is to write to w, which is then closed here.
func listen() (*listener, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &listener{r: r, w: w, said: make(chan events.Output), end: make(chan struct{}), gone: make(chan struct{})}, nil
}

// hear reads until nobody can write any more or, when the command is over, what there is.
func (l *listener) hear() {
	defer close(l.said)
	var lines splitter
	buf := make([]byte, 16<<10)
	last := time.Now()
	for over := false; !over; {
		if over = l.over(); over {
			l.rest(&lines, buf)
		} else {
			n, err := l.read(buf)
			l.add(&lines, buf[:n])
			over = err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
		}
		if over {
			lines.finish()
		}
		if now := time.Now(); over || len(lines.out.Lines) >= saidLines || now.Sub(last) >= saidEvery {
			last = now
			if o := lines.take(); len(o.Lines) > 0 && !l.tell(o) {
				return
			}
		}
	}
}

// add takes what was heard. That it cannot be kept stops nobody.
func (l *listener) add(lines *splitter, b []byte) {
	lines.add(b)
	if l.log != nil && l.kept < consoleMax {
		n, _ := l.log.Write(b[:min(len(b), consoleMax-l.kept)])
		l.kept += n
	}
}

// read waits no longer than saidEvery.
func (l *listener) read(buf []byte) (int, error) {
	if err := l.r.SetReadDeadline(time.Now().Add(saidEvery)); err != nil {
		return 0, err
	}
	return l.r.Read(buf)
}

// rest reads what is there and finds out whether more can come. It does not wait, and takes no more than the
// command can have left: who writes all the time is not listened to for ever.
func (l *listener) rest(lines *splitter, buf []byte) {
	conn, err := l.r.SyscallConn()
	if err != nil || l.r.SetReadDeadline(time.Time{}) != nil {
		return
	}
	for left := pipeHolds; left > 0; {
		n := 0
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			n, failed = syscall.Read(int(fd), buf) //nolint:gosec // a descriptor
			return true
		})
		switch {
		case err != nil:
			return
		case errors.Is(failed, syscall.EINTR):
			continue
		case errors.Is(failed, syscall.EAGAIN):
			l.held = true
			return
		case failed != nil || n == 0:
			return
		}
		l.add(lines, buf[:n])
		left -= n
	}
	l.held = true
}

// tell hands over what was heard; false: nobody takes it.
func (l *listener) tell(o events.Output) bool {
	select {
	case l.said <- o:
		return true
	case <-l.gone:
		return false
	}
}

func (l *listener) over() bool {
	select {
	case <-l.end:
		return true
	default:
		return false
	}
}

// ended tells that the command is over, and gives what it said last.
func (l *listener) ended(tell func(events.Output)) {
	close(l.end)
	_ = l.r.SetReadDeadline(time.Now()) // it need not wait for more
	for o := range l.said {
		tell(o)
	}
}

// close gives back what listen opened.
func (l *listener) close() {
	close(l.gone)
	_ = l.w.Close() // it was closed when the command had it
	_ = l.r.Close() // a pipe
}

// splitter makes lines of a text.
type splitter struct {
	begun []byte // a line whose end has not come
	out   events.Output
}

func (p *splitter) add(b []byte) {
	for len(b) > 0 {
		i := bytes.IndexAny(b, "\r\n") // a carriage return is what progress is painted with
		piece := b[:max(i, 0)]
		if i < 0 {
			piece = b
		}
		p.begun = append(p.begun, piece...)
		for len(p.begun) > saidColumns {
			p.line(p.begun[:saidColumns])
			p.begun = append(p.begun[:0], p.begun[saidColumns:]...)
		}
		if i < 0 {
			return
		}
		b = b[i+1:]
		p.finish()
	}
}

// finish takes what there is for a line; empty ones say nothing.
func (p *splitter) finish() {
	if len(p.begun) > 0 {
		p.line(p.begun)
		p.begun = p.begun[:0]
	}
}

func (p *splitter) line(b []byte) {
	p.out.Lines = append(p.out.Lines, string(b))
}

// take gives the lines since it was called last.
func (p *splitter) take() (o events.Output) {
	o, p.out = p.out, events.Output{}
	return o
}
