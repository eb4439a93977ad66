package term

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
)

// screen is a terminal, as far as this package uses one: it fails the test on every control sequence that
// is not one of its own. What has left it at the top is in past.
type screen struct {
	t          *testing.T
	rows, cols int
	past       []string
	lines      [][]string // of cells; what is wider than one has an empty one after it
	row, col   int
	nowrap     bool
	writes     int
}

func newScreen(t *testing.T, rows, cols int) *screen {
	t.Helper()
	return &screen{t: t, rows: rows, cols: cols, lines: [][]string{nil}}
}

func (s *screen) size() (rows, cols int) { return s.rows, s.cols }

// Write shows b.
func (s *screen) Write(b []byte) (int, error) {
	s.writes++
	text := string(b)
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' })
			if end < 0 {
				s.t.Fatalf("half a control sequence: %q", text)
			}
			s.control(rest[:end], rest[end])
			text = rest[end+1:]
			continue
		}
		g := displaywidth.StringGraphemes(text)
		g.Next()
		s.put(g.Value(), g.Width())
		text = text[len(g.Value()):]
	}
	return len(b), nil
}

func (s *screen) control(arg string, final byte) {
	switch {
	case final == 'A':
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			s.t.Fatalf("up %q", arg)
		}
		s.row = max(0, s.row-n)
	case final == 'J' && arg == "":
		s.truncate()
		s.lines = s.lines[:s.row+1]
	case final == 'K' && arg == "":
		s.truncate()
	case final == 'l' && arg == "?7":
		s.nowrap = true
	case final == 'h' && arg == "?7":
		s.nowrap = false
	case final == 'm' && slices.Contains([]string{"0", "2", "31", "32", "33"}, arg):
	default:
		s.t.Fatalf("control sequence %q %q", arg, final)
	}
}

func (s *screen) truncate() { s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))] }

func (s *screen) put(cluster string, width int) {
	switch cluster {
	case "\r\n":
		s.col = 0
		s.down()
		return
	case "\n": // the kernel adds the carriage return
		s.col = 0
		s.down()
		return
	case "\r":
		s.col = 0
		return
	}
	if r := []rune(cluster)[0]; r < ' ' || r == 0x7f {
		s.t.Fatalf("control character %q", cluster)
	}
	if s.col+width > s.cols {
		if s.nowrap {
			s.t.Errorf("a row is wider than %d columns", s.cols)
			return
		}
		s.col = 0
		s.down()
	}
	line := s.lines[s.row]
	for len(line) < s.col+width {
		line = append(line, " ")
	}
	line[s.col] = cluster
	for i := 1; i < width; i++ {
		line[s.col+i] = ""
	}
	s.lines[s.row] = line
	s.col += width
}

func (s *screen) down() {
	if s.row++; s.row == len(s.lines) {
		s.lines = append(s.lines, nil)
	}
	for len(s.lines) > s.rows {
		s.past = append(s.past, strings.Join(s.lines[0], ""))
		s.lines = s.lines[1:]
		s.row--
	}
}

// text is what is seen, without what has left the screen.
func (s *screen) text() string {
	var b strings.Builder
	for _, line := range s.lines {
		b.WriteString(strings.TrimRight(strings.Join(line, ""), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// all is what was ever seen and not taken away.
func (s *screen) all() string {
	past := strings.Join(s.past, "\n")
	if past != "" {
		past += "\n"
	}
	return past + s.text()
}

// narrow makes the screen narrower: what is too long is wrapped, or cropped.
func (s *screen) narrow(cols int, crops bool) {
	var lines [][]string
	row := 0
	for i, line := range s.lines {
		if i == s.row {
			row = len(lines)
		}
		for !crops && len(line) > cols {
			n := cols
			for line[n] == "" { // what is wider than one is not cut through
				n--
			}
			lines = append(lines, line[:n])
			line = line[n:]
		}
		lines = append(lines, line[:min(len(line), cols)])
	}
	s.cols, s.lines, s.row = cols, lines, row
	for len(s.lines) > s.rows {
		s.past = append(s.past, strings.Join(s.lines[0], ""))
		s.lines = s.lines[1:]
		s.row--
	}
}
