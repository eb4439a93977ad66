package events

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// MaxLine is the longest line that ReadNDJSON accepts.
const MaxLine = 16 << 20

// Errors of ReadNDJSON, in a *LineError.
var (
	// ErrTruncated ends a stream that stops before its root's End: the process died, or is still running.
	ErrTruncated = errors.New("the stream ends before its operation does")
	// ErrVersion ends a stream of a version that this program cannot read.
	ErrVersion = errors.New("the stream is of a newer version")
	// ErrNoHeader ends what does not begin as a stream of events.
	ErrNoHeader = errors.New("not a stream of events: the first line is no header")
)

// LineError tells where a stream could not be read.
type LineError struct {
	Line int // counts from 1
	Err  error
}

// Error is the line and what is wrong with it.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

// ReadNDJSON reads what NDJSON wrote. The events drive any consumer of a live stream: the payload is
// a *Recorded, the error a *RecordedError, that of a skipped step a *SkipError, and a Detail an Amount,
// string, bool, int64 or float64 if it is one, else a json.RawMessage. Fields, phases and lines that it
// does not know are ignored.
//
// The first error, a *LineError, is the last thing yielded. A stream that ends before its root's End
// gives ErrTruncated, also if its last line is torn. Several streams may follow one another.
func ReadNDJSON(r io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		in := newLineReader(r)
		rd := reader{open: map[ID]*Recorded{}}
		for in.next() {
			ev, ok, err := rd.line(in.line, in.torn)
			if err != nil {
				yield(Event{}, &LineError{in.n, err})
				return
			}
			if ok && !yield(ev, nil) {
				return
			}
		}
		if in.err != nil {
			yield(Event{}, &LineError{in.n, in.err})
		} else if rd.run == nil || !rd.ended {
			yield(Event{}, &LineError{in.n, ErrTruncated})
		}
	}
}

// lineReader gives the lines that are not blank. Unlike a bufio.Scanner it looks at every byte once,
// however long the line and short the reads.
type lineReader struct {
	r    *bufio.Reader
	n    int
	line []byte
	long []byte // what did not fit into r's buffer
	torn bool   // the line has no end
	err  error
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 1<<16)}
}

func (in *lineReader) next() bool {
	for in.err == nil && !in.torn {
		in.read()
		if in.line = bytes.TrimSpace(in.line); in.err == nil && len(in.line) > 0 {
			return true
		}
	}
	return false
}

// read reads the next line whatever it is.
func (in *lineReader) read() {
	in.long = in.long[:0]
	for {
		part, err := in.r.ReadSlice('\n')
		in.line = part
		if errors.Is(err, bufio.ErrBufferFull) || len(in.long) > 0 {
			in.long = append(in.long, part...)
			in.line = in.long
		}
		if len(in.line) > MaxLine {
			err = fmt.Errorf("longer than %d bytes: %w", MaxLine, bufio.ErrTooLong)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			in.torn = true
			err = nil
		}
		if len(in.line) > 0 || err != nil {
			in.n++
		}
		in.err = err
		return
	}
}
