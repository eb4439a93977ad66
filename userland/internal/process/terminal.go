//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func clearScreen(_ context.Context, p *applet.Proc) error {
	if _, err := p.Options().Parse(); err != nil {
		return err
	}
	p.Printf("\x1b[H\x1b[2J\x1b[3J")
	return nil
}

func tty(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	silent := o.Flag("s silent", "print nothing; the exit status tells")
	if _, err := o.Parse(); err != nil {
		return err
	}
	name := "not a tty"
	ok := false
	if f := applet.File(p.Stdin); f != nil {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			ok = true
			if name, err = os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd()))); err != nil {
				name = "/dev/tty"
			}
		}
	}
	if !*silent {
		p.Println(name)
	}
	if !ok {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}

// setting is a word of stty: bits of one of the flag words.
type setting struct {
	name string
	word byte // i, o, c or l
	bits uint32
}

func settings() []setting {
	return []setting{
		{"brkint", 'i', unix.BRKINT},
		{"icrnl", 'i', unix.ICRNL},
		{"igncr", 'i', unix.IGNCR},
		{"inlcr", 'i', unix.INLCR},
		{"istrip", 'i', unix.ISTRIP},
		{"ixon", 'i', unix.IXON},
		{"ixoff", 'i', unix.IXOFF},
		{"ixany", 'i', unix.IXANY},
		{"iutf8", 'i', unix.IUTF8},
		{"imaxbel", 'i', unix.IMAXBEL},
		{"opost", 'o', unix.OPOST},
		{"onlcr", 'o', unix.ONLCR},
		{"ocrnl", 'o', unix.OCRNL},
		{"onocr", 'o', unix.ONOCR},
		{"parenb", 'c', unix.PARENB},
		{"parodd", 'c', unix.PARODD},
		{"cread", 'c', unix.CREAD},
		{"clocal", 'c', unix.CLOCAL},
		{"hupcl", 'c', unix.HUPCL},
		{"crtscts", 'c', unix.CRTSCTS},
		{"cstopb", 'c', unix.CSTOPB},
		{"isig", 'l', unix.ISIG},
		{"icanon", 'l', unix.ICANON},
		{"iexten", 'l', unix.IEXTEN},
		{"echo", 'l', unix.ECHO},
		{"echoe", 'l', unix.ECHOE},
		{"echok", 'l', unix.ECHOK},
		{"echonl", 'l', unix.ECHONL},
		{"echoctl", 'l', unix.ECHOCTL},
		{"echoke", 'l', unix.ECHOKE},
		{"noflsh", 'l', unix.NOFLSH},
		{"tostop", 'l', unix.TOSTOP},
	}
}

func controlChars() map[string]int {
	return map[string]int{
		"intr": unix.VINTR, "quit": unix.VQUIT, "erase": unix.VERASE, "kill": unix.VKILL, "eof": unix.VEOF, "eol": unix.VEOL,
		"start": unix.VSTART, "stop": unix.VSTOP, "susp": unix.VSUSP, "rprnt": unix.VREPRINT, "werase": unix.VWERASE, "lnext": unix.VLNEXT,
	}
}

// terminalSettings is the state of a terminal that stty works on.
type terminalSettings struct {
	fd int
	t  *unix.Termios
	ws *unix.Winsize
}

func stty(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	all := o.Flag("a all", "print all settings")
	save := o.Flag("g save", "print all settings so that stty can read them")
	file := o.String("F file", "DEVICE", "", "the terminal (default: standard input)")
	o.Note("Settings: [-]NAME for the flags that -a prints, sane, raw, cooked, cbreak, min N, time N, rows N, cols N, size,\nand CHAR ^X for the control characters.")
	// A setting such as -echo looks like an option.
	var words []string
	known := settings()
	args := p.Args
	p.Args = nil
	for i, arg := range args {
		isSetting := false
		for _, s := range known {
			isSetting = isSetting || arg == "-"+s.name
		}
		if isSetting || arg == "-raw" || arg == "-cooked" || arg == "-cbreak" || i > 0 && arg != "" && arg[0] != '-' || arg != "" && arg[0] != '-' {
			words = append(words, arg)
		} else {
			p.Args = append(p.Args, arg)
		}
	}
	if len(p.Args) > 0 && p.Args[len(p.Args)-1] == "-F" && len(words) > 0 {
		p.Args = append(p.Args, words[0])
		words = words[1:]
	}
	if _, err := o.Parse(); err != nil {
		return err
	}
	f := applet.File(p.Stdin)
	if *file != "" {
		var err error
		if f, err = os.OpenFile(p.Path(*file), os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0); err != nil {
			return err
		}
		defer f.Close()
	}
	if f == nil {
		return errors.New("standard input is no terminal")
	}
	s := terminalSettings{fd: int(f.Fd())}
	var err error
	if s.t, err = unix.IoctlGetTermios(s.fd, unix.TCGETS); err != nil {
		return errors.New("standard input is no terminal")
	}
	if s.ws, err = unix.IoctlGetWinsize(s.fd, unix.TIOCGWINSZ); err != nil {
		s.ws = &unix.Winsize{}
	}
	switch {
	case *save:
		p.Printf("%x:%x:%x:%x", s.t.Iflag, s.t.Oflag, s.t.Cflag, s.t.Lflag)
		for _, c := range s.t.Cc {
			p.Printf(":%x", c)
		}
		p.Printf("\n")
		return nil
	case len(words) == 0:
		s.print(p, *all)
		return nil
	}
	if err := s.apply(p, words); err != nil {
		return err
	}
	return unix.IoctlSetTermios(s.fd, unix.TCSETSW, s.t)
}

func (s *terminalSettings) word(c byte) *uint32 {
	switch c {
	case 'i':
		return &s.t.Iflag
	case 'o':
		return &s.t.Oflag
	case 'c':
		return &s.t.Cflag
	}
	return &s.t.Lflag
}

func (s *terminalSettings) print(p *applet.Proc, all bool) {
	p.Printf("rows %d; columns %d;\n", s.ws.Row, s.ws.Col)
	if all {
		for _, name := range []string{"intr", "quit", "erase", "kill", "eof", "start", "stop", "susp", "rprnt", "werase", "lnext"} {
			p.Printf("%s = %s; ", name, caret(s.t.Cc[controlChars()[name]]))
		}
		p.Printf("min = %d; time = %d;\n", s.t.Cc[unix.VMIN], s.t.Cc[unix.VTIME])
	}
	last := byte('i')
	line := ""
	for _, set := range settings() {
		on := *s.word(set.word)&set.bits != 0
		if set.word != last {
			p.Println(strings.TrimSpace(line))
			line, last = "", set.word
		}
		if on {
			line += set.name + " "
		} else {
			line += "-" + set.name + " "
		}
	}
	p.Println(strings.TrimSpace(line))
}

func caret(c byte) string {
	switch {
	case c == 0:
		return "<undef>"
	case c < 32:
		return "^" + string(rune(c+64))
	case c == 127:
		return "^?"
	}
	return string(rune(c))
}

func (s *terminalSettings) apply(p *applet.Proc, words []string) error {
	chars := controlChars()
next:
	for i := 0; i < len(words); i++ {
		name := words[i]
		off := strings.HasPrefix(name, "-")
		bare := strings.TrimPrefix(name, "-")
		for _, set := range settings() {
			if set.name == bare {
				if off {
					*s.word(set.word) &^= set.bits
				} else {
					*s.word(set.word) |= set.bits
				}
				continue next
			}
		}
		number := func() (int, error) {
			if i++; i >= len(words) {
				return 0, applet.Usagef("%s needs a value", name)
			}
			n, err := strconv.Atoi(words[i])
			return n, err
		}
		switch at, isChar := chars[name]; {
		case name == "size":
			p.Printf("%d %d\n", s.ws.Row, s.ws.Col)
		case name == "sane" || name == "cooked" || name == "-raw" || name == "-cbreak":
			s.sane(name == "sane")
		case name == "raw" || name == "-cooked":
			s.t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
			s.t.Oflag &^= unix.OPOST
			s.t.Lflag &^= unix.ICANON | unix.ISIG | unix.IEXTEN
			s.t.Cc[unix.VMIN], s.t.Cc[unix.VTIME] = 1, 0
		case name == "cbreak":
			s.t.Lflag &^= unix.ICANON
			s.t.Cc[unix.VMIN], s.t.Cc[unix.VTIME] = 1, 0
		case name == "rows" || name == "cols" || name == "columns":
			n, err := number()
			if err != nil {
				return err
			}
			if name == "rows" {
				s.ws.Row = uint16(n)
			} else {
				s.ws.Col = uint16(n)
			}
			if err := unix.IoctlSetWinsize(s.fd, unix.TIOCSWINSZ, s.ws); err != nil {
				return err
			}
		case name == "min" || name == "time":
			n, err := number()
			if err != nil {
				return err
			}
			s.t.Cc[map[string]int{"min": unix.VMIN, "time": unix.VTIME}[name]] = byte(n)
		case isChar:
			if i++; i >= len(words) {
				return applet.Usagef("%s needs a value", name)
			}
			c, err := parseCaret(words[i])
			if err != nil {
				return err
			}
			s.t.Cc[at] = c
		case strings.Count(name, ":") > 3:
			if err := s.restore(name); err != nil {
				return err
			}
		default:
			return applet.Usagef("unknown setting %q", name)
		}
	}
	return nil
}

func parseCaret(s string) (byte, error) {
	switch {
	case s == "undef" || s == "^-":
		return 0, nil
	case s == "^?":
		return 127, nil
	case len(s) == 2 && s[0] == '^':
		return s[1] & 31, nil
	case len(s) == 1:
		return s[0], nil
	}
	return 0, applet.Usagef("%q is not a character", s)
}

func (s *terminalSettings) restore(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) != 4+len(s.t.Cc) {
		return applet.Usagef("bad settings %q", text)
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 16, 32)
		if err != nil {
			return applet.Usagef("bad settings %q", text)
		}
		switch i {
		case 0:
			s.t.Iflag = uint32(n)
		case 1:
			s.t.Oflag = uint32(n)
		case 2:
			s.t.Cflag = uint32(n)
		case 3:
			s.t.Lflag = uint32(n)
		default:
			s.t.Cc[i-4] = byte(n)
		}
	}
	return nil
}

// sane makes a terminal usable; with chars the control characters are reset as well.
func (s *terminalSettings) sane(chars bool) {
	s.t.Iflag |= unix.BRKINT | unix.ICRNL | unix.IMAXBEL | unix.IXON
	s.t.Iflag &^= unix.IGNBRK | unix.INLCR | unix.IGNCR | unix.ISTRIP
	s.t.Oflag |= unix.OPOST | unix.ONLCR
	s.t.Oflag &^= unix.OCRNL | unix.ONOCR
	s.t.Cflag |= unix.CREAD
	s.t.Lflag |= unix.ISIG | unix.ICANON | unix.IEXTEN | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE
	s.t.Lflag &^= unix.ECHONL | unix.NOFLSH | unix.TOSTOP
	if !chars {
		return
	}
	for at, c := range map[int]byte{
		unix.VINTR: 3, unix.VQUIT: 28, unix.VERASE: 127, unix.VKILL: 21, unix.VEOF: 4, unix.VSTART: 17, unix.VSTOP: 19,
		unix.VSUSP: 26, unix.VREPRINT: 18, unix.VWERASE: 23, unix.VLNEXT: 22, unix.VMIN: 1, unix.VTIME: 0,
	} {
		s.t.Cc[at] = c
	}
}

func reset(_ context.Context, p *applet.Proc) error {
	if _, err := p.Options().Parse(); err != nil {
		return err
	}
	if f := applet.File(p.Stdin); f != nil {
		s := terminalSettings{fd: int(f.Fd())}
		var err error
		if s.t, err = unix.IoctlGetTermios(s.fd, unix.TCGETS); err == nil {
			s.sane(true)
			if err := unix.IoctlSetTermios(s.fd, unix.TCSETSW, s.t); err != nil {
				return fmt.Errorf("terminal: %w", err)
			}
		}
	}
	p.Printf("\x1bc\x1b[!p\x1b[?3;4l\x1b[4l\x1b>\x1b[0m\x1b[H\x1b[2J")
	return nil
}
