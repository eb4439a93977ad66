//go:build linux

package lineedit

import (
	"errors"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// ErrInterrupt is returned when the user breaks the line off with Ctrl-C.
var ErrInterrupt = errors.New("interrupted")

// Editor reads lines from a terminal. Its fields must not change while ReadLine runs.
type Editor struct {
	In, Out *os.File
	// History is what the cursor keys go back to, the oldest line first. The editor does not add to it.
	History []string
	// Complete returns where the word at the end of line begins, and what it may be completed to.
	Complete func(line string) (start int, words []string)
	// Leave is called when the line is complete and the terminal's keys still send no signals.
	Leave func()

	prompt  string
	columns int // of the prompt
	text    []rune
	at      int // the cursor
	row     int // the screen line of the cursor, counted from the prompt
	killed  []rune
	entry   int    // the line of the history that is shown; len(History) is the new one
	draft   []rune // the new line while the history is shown
	tabs    int    // Tab keys in a row
	pending []byte
}

// ReadLine shows the prompt and returns the line without its newline. It returns io.EOF at the end of the
// input, or if the user presses Ctrl-D in an empty line.
func (e *Editor) ReadLine(prompt string) (string, error) {
	restore, err := raw(int(e.In.Fd()))
	if err != nil {
		return "", err
	}
	defer func() {
		if e.Leave != nil {
			e.Leave()
		}
		restore()
	}()
	if i := strings.LastIndexByte(prompt, '\n'); i >= 0 {
		e.print(prompt[:i+1])
		prompt = prompt[i+1:]
	}
	e.prompt, e.columns = prompt, visibleWidth(prompt)
	e.text, e.at, e.row, e.tabs, e.draft = nil, 0, 0, 0, nil
	e.entry = len(e.History)
	e.refresh()
	for {
		key, err := e.key()
		if err != nil {
			e.print("\n")
			return "", io.EOF
		}
		if key != keyTab {
			e.tabs = 0
		}
		switch done, err := e.handle(key); {
		case err != nil:
			e.end()
			return "", err
		case done:
			e.end()
			return string(e.text), nil
		}
	}
}

// raw lets keys through one by one and shows none. What was typed before is kept, and Enter stays a
// newline: what is typed ahead may be for a program that expects one.
func raw(fd int) (restore func(), err error) {
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, os.NewSyscallError("terminal", err)
	}
	t := *old
	t.Iflag &^= unix.INLCR | unix.IGNCR | unix.IXON
	t.Iflag |= unix.ICRNL
	t.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG | unix.IEXTEN
	t.Oflag |= unix.OPOST | unix.ONLCR
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETSW, &t); err != nil {
		return nil, os.NewSyscallError("terminal", err)
	}
	// Programs that die may leave a terminal without echo; a prompt is the place to repair that.
	sane := *old
	sane.Lflag |= unix.ICANON | unix.ECHO | unix.ISIG | unix.IEXTEN
	sane.Iflag |= unix.ICRNL
	sane.Oflag |= unix.OPOST
	return func() { unix.IoctlSetTermios(fd, unix.TCSETSW, &sane) }, nil
}

func (e *Editor) print(s string) { io.WriteString(e.Out, s) }

// end leaves the cursor below the line.
func (e *Editor) end() {
	e.at = len(e.text)
	e.refresh()
	e.print("\n")
}

func (e *Editor) width() int {
	if ws, err := unix.IoctlGetWinsize(int(e.Out.Fd()), unix.TIOCGWINSZ); err == nil && ws.Col > 0 {
		return int(ws.Col)
	}
	return 80
}

// visibleWidth counts the columns that a prompt takes, without its escape sequences.
func visibleWidth(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '[' {
			i += 2
			for i < len(s) && (s[i] < '@' || s[i] > '~') {
				i++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		n += columnsOf(r)
		i += size
	}
	return n
}

// columnsOf is the width of a character: none for marks that combine, two for East Asian ones.
func columnsOf(r rune) int {
	switch {
	case r < 32 || r == 127 || unicode.Is(unicode.Mn, r):
		return 0
	case r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff ||
		r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd):
		return 2
	}
	return 1
}

func columnsOfText(rs []rune) int {
	n := 0
	for _, r := range rs {
		n += columnsOf(r)
	}
	return n
}

// refresh draws the line anew, over several rows of the screen if it takes them.
func (e *Editor) refresh() {
	width := e.width()
	var b strings.Builder
	up := func(n int) {
		if n > 0 {
			b.WriteString("\x1b[" + itoa(n) + "A")
		}
	}
	up(e.row)
	b.WriteString("\r\x1b[J" + e.prompt + string(e.text))
	total := e.columns + columnsOfText(e.text)
	if total > 0 && total%width == 0 {
		b.WriteString("\r\n") // terminals wait with the wrap until the next character
	}
	cursor := e.columns + columnsOfText(e.text[:e.at])
	up(total/width - cursor/width)
	b.WriteString("\r")
	if col := cursor % width; col > 0 {
		b.WriteString("\x1b[" + itoa(col) + "C")
	}
	e.row = cursor / width
	e.print(b.String())
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// insert puts characters at the cursor.
func (e *Editor) insert(rs ...rune) {
	e.text = append(e.text[:e.at], append(append([]rune{}, rs...), e.text[e.at:]...)...)
	e.at += len(rs)
	end := e.columns + columnsOfText(e.text)
	if e.at == len(e.text) && len(rs) == 1 && columnsOf(rs[0]) == 1 && end%e.width() != 0 {
		e.print(string(rs)) // the usual case: one more at the end
		return
	}
	e.refresh()
}

// remove deletes from i to j and remembers the text for Ctrl-Y if keep is set.
func (e *Editor) remove(i, j int, keep bool) {
	if i >= j {
		return
	}
	if keep {
		e.killed = append([]rune{}, e.text[i:j]...)
	}
	e.text = append(e.text[:i], e.text[j:]...)
	e.at = i
	e.refresh()
}

func (e *Editor) move(to int) {
	to = max(0, min(len(e.text), to))
	if to != e.at {
		e.at = to
		e.refresh()
	}
}

// wordLeft and wordRight find the ends of words.
func (e *Editor) wordLeft(space bool) int {
	i := e.at
	for i > 0 && !inWord(e.text[i-1], space) {
		i--
	}
	for i > 0 && inWord(e.text[i-1], space) {
		i--
	}
	return i
}

func (e *Editor) wordRight() int {
	i := e.at
	for i < len(e.text) && !inWord(e.text[i], false) {
		i++
	}
	for i < len(e.text) && inWord(e.text[i], false) {
		i++
	}
	return i
}

func inWord(r rune, space bool) bool {
	if space {
		return !unicode.IsSpace(r)
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}
