package events

import (
	"strconv"
	"strings"
)

// Output is the conventional Detail of a Progress event that tells what a command said that the step runs.
// A step does not tell more than people can read: it may leave out lines, and says how many.
type Output struct {
	Lines   []string // without line breaks; otherwise as they came, not fit for a terminal as they are
	Omitted int      // lines left out before these
}

// String is the lines as one.
func (o Output) String() string {
	text := strings.Join(o.Lines, "; ")
	if o.Omitted > 0 {
		text = "(" + strconv.Itoa(o.Omitted) + " lines omitted) " + text
	}
	return text
}

// AppendJSON appends {"output":["one","two"],"omitted":7}, without omitted if it is 0.
func (o Output) AppendJSON(dst []byte) ([]byte, error) {
	dst = append(dst, `{"output":[`...)
	for i, line := range o.Lines {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, line)
	}
	dst = append(dst, ']')
	if o.Omitted != 0 {
		dst = strconv.AppendInt(append(dst, `,"omitted":`...), int64(o.Omitted), 10)
	}
	return append(dst, '}'), nil
}
