//go:build linux

package lineedit

import (
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Keys are characters, or one of these.
const (
	keyTab = '\t'
	keyUp  = 0x110000 + iota // above all characters
	keyDown
	keyLeft
	keyRight
	keyHome
	keyEnd
	keyDelete
	keyWordLeft
	keyWordRight
	keyKillWord
	keyKillWordLeft
	keyUnknown
)

func (e *Editor) readByte() (byte, error) {
	if len(e.pending) > 0 {
		b := e.pending[0]
		e.pending = e.pending[1:]
		return b, nil
	}
	var b [1]byte
	for {
		n, err := unix.Read(int(e.In.Fd()), b[:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(e.In.Fd()), Events: unix.POLLIN}}, -1)
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return b[0], nil
	}
}

// key reads a character or the sequence that a special key sends.
func (e *Editor) key() (rune, error) {
	b, err := e.readByte()
	if err != nil {
		return 0, err
	}
	if b == 0x1b {
		return e.escape()
	}
	if b < utf8.RuneSelf {
		return rune(b), nil
	}
	seq := []byte{b}
	for !utf8.FullRune(seq) {
		if b, err = e.readByte(); err != nil {
			return 0, err
		}
		seq = append(seq, b)
	}
	r, _ := utf8.DecodeRune(seq)
	return r, nil
}

// escape reads what follows Escape. A lone Escape is told by the silence after it.
func (e *Editor) escape() (rune, error) {
	fds := []unix.PollFd{{Fd: int32(e.In.Fd()), Events: unix.POLLIN}}
	if n, _ := unix.Poll(fds, 100); n == 0 {
		return keyUnknown, nil
	}
	b, err := e.readByte()
	if err != nil {
		return 0, err
	}
	switch b {
	case 'b':
		return keyWordLeft, nil
	case 'f':
		return keyWordRight, nil
	case 'd':
		return keyKillWord, nil
	case 127, 8:
		return keyKillWordLeft, nil
	case '[', 'O':
	default:
		return keyUnknown, nil
	}
	seq := ""
	for {
		if b, err = e.readByte(); err != nil {
			return 0, err
		}
		seq += string(rune(b))
		if b >= '@' && b <= '~' {
			break
		}
	}
	switch {
	case strings.HasSuffix(seq, ";5D"), strings.HasSuffix(seq, ";3D"):
		return keyWordLeft, nil
	case strings.HasSuffix(seq, ";5C"), strings.HasSuffix(seq, ";3C"):
		return keyWordRight, nil
	}
	switch seq {
	case "A":
		return keyUp, nil
	case "B":
		return keyDown, nil
	case "C":
		return keyRight, nil
	case "D":
		return keyLeft, nil
	case "H", "1~", "7~":
		return keyHome, nil
	case "F", "4~", "8~":
		return keyEnd, nil
	case "3~":
		return keyDelete, nil
	}
	return keyUnknown, nil
}

const ctrl = 'A' - 1 // key - ctrl is the letter

// handle reacts to a key. It returns true if the line is complete.
func (e *Editor) handle(key rune) (done bool, err error) {
	switch key {
	case '\r', '\n':
		return true, nil
	case 'C' - ctrl:
		e.at = len(e.text)
		e.refresh()
		e.print("^C")
		return false, ErrInterrupt
	case 'D' - ctrl:
		if len(e.text) == 0 {
			return false, io.EOF
		}
		e.remove(e.at, min(len(e.text), e.at+1), false)
	case 127, 'H' - ctrl:
		e.remove(max(0, e.at-1), e.at, false)
	case keyDelete:
		e.remove(e.at, min(len(e.text), e.at+1), false)
	case 'A' - ctrl, keyHome:
		e.move(0)
	case 'E' - ctrl, keyEnd:
		e.move(len(e.text))
	case 'B' - ctrl, keyLeft:
		e.move(e.at - 1)
	case 'F' - ctrl, keyRight:
		e.move(e.at + 1)
	case keyWordLeft:
		e.move(e.wordLeft(false))
	case keyWordRight:
		e.move(e.wordRight())
	case 'K' - ctrl:
		e.remove(e.at, len(e.text), true)
	case 'U' - ctrl:
		e.remove(0, e.at, true)
	case 'W' - ctrl:
		e.remove(e.wordLeft(true), e.at, true)
	case keyKillWordLeft:
		e.remove(e.wordLeft(false), e.at, true)
	case keyKillWord:
		e.remove(e.at, e.wordRight(), true)
	case 'Y' - ctrl:
		e.insert(e.killed...)
	case 'T' - ctrl:
		e.swap()
	case 'L' - ctrl:
		e.print("\x1b[H\x1b[2J")
		e.row = 0
		e.refresh()
	case 'P' - ctrl, keyUp:
		e.recall(e.entry - 1)
	case 'N' - ctrl, keyDown:
		e.recall(e.entry + 1)
	case 'R' - ctrl:
		return e.search()
	case keyTab:
		e.complete()
	default:
		if key >= 32 && key <= utf8.MaxRune {
			e.insert(key)
		}
	}
	return false, nil
}

func (e *Editor) swap() {
	if e.at == 0 || len(e.text) < 2 {
		return
	}
	i := min(e.at, len(e.text)-1)
	e.text[i-1], e.text[i] = e.text[i], e.text[i-1]
	e.at = i + 1
	e.refresh()
}

// recall shows a line of the history. The new line is kept for coming back.
func (e *Editor) recall(n int) {
	if n < 0 || n > len(e.History) {
		return
	}
	if e.entry == len(e.History) {
		e.draft = append([]rune{}, e.text...)
	}
	e.entry = n
	if n == len(e.History) {
		e.text = e.draft
	} else {
		e.text = []rune(e.History[n])
	}
	e.at = len(e.text)
	e.refresh()
}

// search goes back in the history to lines that contain what is typed.
func (e *Editor) search() (done bool, err error) {
	prompt, columns, text := e.prompt, e.columns, append([]rune{}, e.text...)
	restore := func() {
		e.prompt, e.columns = prompt, columns
		e.at = len(e.text)
		e.refresh()
	}
	want, from := "", len(e.History)
	for {
		e.prompt = "(search) " + want + ": "
		e.columns = visibleWidth(e.prompt)
		e.at = len(e.text)
		e.refresh()
		key, err := e.key()
		if err != nil {
			return false, err
		}
		next := from
		switch {
		case key == 'R'-ctrl:
			next = from - 1
		case key == 'G'-ctrl:
			e.text = text
			restore()
			return false, nil
		case key == 127 || key == 'H'-ctrl:
			if want != "" {
				_, n := utf8.DecodeLastRuneInString(want)
				want = want[:len(want)-n]
			}
			next = len(e.History) - 1
		case key >= 32 && key <= utf8.MaxRune:
			want += string(key)
			next = min(from, len(e.History)-1)
		default:
			restore()
			return e.handle(key)
		}
		for i := next; i >= 0 && i < len(e.History); i-- {
			if strings.Contains(e.History[i], want) {
				from, e.entry = i, i
				e.text = []rune(e.History[i])
				break
			}
		}
	}
}

// complete extends the word before the cursor as far as that is certain. The second Tab lists what is possible.
func (e *Editor) complete() {
	if e.Complete == nil {
		return
	}
	e.tabs++
	before := string(e.text[:e.at])
	start, words := e.Complete(before)
	if len(words) == 0 {
		e.print("\a")
		return
	}
	common := words[0]
	for _, w := range words[1:] {
		for !strings.HasPrefix(w, common) {
			_, n := utf8.DecodeLastRuneInString(common)
			common = common[:len(common)-n]
		}
	}
	typed := before[start:]
	if len(words) == 1 && !strings.HasSuffix(common, "/") {
		common += " "
	}
	if len(common) > len(typed) && strings.HasPrefix(common, typed) {
		e.insert([]rune(common[len(typed):])...)
		return
	}
	if len(words) > 1 && e.tabs > 1 {
		e.list(words)
	} else {
		e.print("\a")
	}
}

// list shows words in columns below the line.
func (e *Editor) list(words []string) {
	at := e.at
	e.at = len(e.text)
	e.refresh()
	widest := 0
	names := make([]string, len(words))
	for i, w := range words {
		trimmed := strings.TrimSuffix(w, "/")
		names[i] = w[strings.LastIndexByte(trimmed, '/')+1:]
		widest = max(widest, len(names[i])+2)
	}
	perRow := max(1, e.width()/widest)
	var b strings.Builder
	for i, name := range names {
		if i%perRow == 0 {
			b.WriteString("\n")
		}
		b.WriteString(name + strings.Repeat(" ", widest-len(name)))
	}
	b.WriteString("\n")
	e.print(b.String())
	e.row, e.at = 0, at
	e.refresh()
}
