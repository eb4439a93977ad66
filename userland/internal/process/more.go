//go:build linux

package process

import (
	"bufio"
	"context"
	"io"
	"os"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func more(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	o.Note("Space shows the next screen, Enter the next line, q ends.")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	pg := &pager{p: p}
	if out := applet.File(p.Stdout); out != nil {
		if ws, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ); err == nil {
			if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
				defer tty.Close()
				pg.tty, pg.width, pg.height = tty, int(ws.Col), int(ws.Row)
			}
		}
	}
	stop := io.EOF
	err = p.EachInput(ctx, files, func(name string, r io.Reader) error {
		if len(files) > 1 {
			p.Printf("::: %s :::\n", name)
			pg.row++
		}
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			if !pg.show(lines.Bytes()) {
				return &applet.WriteError{Err: stop}
			}
			if err := p.EndLine(); err != nil {
				return &applet.WriteError{Err: err}
			}
		}
		return lines.Err()
	})
	if err == stop {
		return nil
	}
	return err
}

// pager stops after each screen, if there is a screen.
type pager struct {
	p             *applet.Proc
	tty           *os.File
	width, height int
	row           int
}

// show prints a line, after asking if the screen is full. It returns false if there shall be no more.
func (g *pager) show(line []byte) bool {
	rows := 1
	if g.width > 0 {
		rows = max(1, (len(line)+g.width-1)/g.width)
	}
	if g.tty != nil && g.height > 1 && g.row+rows > g.height-1 {
		g.p.Flush()
		switch g.ask() {
		case 'q', 'Q', 3, 4:
			return false
		case '\r', '\n', 'j':
			g.row -= rows
		default:
			g.row = 0
		}
	}
	g.row += rows
	g.p.Out().Write(line)
	g.p.Out().WriteByte('\n')
	return true
}

func (g *pager) ask() byte {
	fd := int(g.tty.Fd())
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return 'q'
	}
	single := *old
	single.Lflag &^= unix.ICANON | unix.ECHO
	single.Cc[unix.VMIN], single.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETSW, &single); err != nil {
		return 'q'
	}
	defer unix.IoctlSetTermios(fd, unix.TCSETSW, old)
	io.WriteString(g.tty, "\x1b[7m--More--\x1b[0m")
	defer io.WriteString(g.tty, "\r\x1b[K")
	var key [1]byte
	if n, err := g.tty.Read(key[:]); n == 0 || err != nil {
		return 'q'
	}
	return key[0]
}
