package history

import (
	"bytes"
	"encoding/json"
	"io"
	"os"

	"github.com/libioc/ioc/events"
)

// chunk is how much of a file's ends is read at first.
const chunk = 8 << 10

// look reads what is known of the run whose stream f is, without reading all of it. It is false if there is
// nothing yet.
func look(f *os.File, id events.RunID) (o Operation, ok bool, err error) {
	o = Operation{Run: events.RunInfo{ID: id}, By: Origin{UID: -1}}
	for again := false; ; again = true {
		info, err := f.Stat()
		if err != nil || info.Size() == 0 {
			return o, false, err
		}
		o.Size = info.Size()
		d := events.NewDecoder()
		if err := o.head(f, d); err != nil {
			return o, false, err
		}
		if done, err := o.tail(f, d); done || again || err != nil {
			return o, err == nil, err
		}
		if held, err := isHeld(f); held || err != nil {
			o.Outcome, o.Took = Running, 0
			return o, err == nil, err
		}
		// It may have come to its end since the file was read.
	}
}

// head reads the lines up to the root's Begin.
func (o *Operation) head(f *os.File, d *events.Decoder) error {
	lines := part{f: f, end: o.Size}
	for {
		line, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		ev, ok, err := d.Line(line)
		if err != nil {
			return err
		}
		if run := d.Run(); run != nil {
			o.Run = *run
		}
		if ok {
			if ev.Parent == 0 && ev.Phase == events.Begin {
				o.began(&ev)
			}
			return nil
		}
		o.note(line)
	}
}

// note reads a line that is none of a stream.
func (o *Operation) note(line []byte) {
	var l originLine
	if json.Unmarshal(line, &l) == nil && l.By != nil {
		o.By = *l.By
	}
}

// tail reads the last line, and says whether it is the root's End. If it is not, the run has crashed as far as is known.
func (o *Operation) tail(f *os.File, d *events.Decoder) (done bool, err error) {
	o.Outcome = Crashed
	for n := min(int64(chunk), o.Size); ; n = min(4*n, o.Size) {
		buf := make([]byte, n)
		if _, err := f.ReadAt(buf, o.Size-n); err != nil && err != io.EOF {
			return false, err
		}
		whole := buf[:bytes.LastIndexByte(buf, '\n')+1]
		lines := bytes.Split(bytes.TrimSuffix(whole, []byte{'\n'}), []byte{'\n'})
		if len(lines) < 2 && n < o.Size { // the last one may be longer
			continue
		}
		o.Cut = len(lines) > 1 && string(lines[len(lines)-2])+"\n" == cutLine
		ev, ok, err := d.Line(lines[len(lines)-1])
		if err != nil || !ok {
			return false, nil //nolint:nilerr // a torn line, or one of a newer version: it has not ended
		}
		o.Took = ev.At
		if ev.Phase != events.End || ev.Parent != 0 {
			return false, nil
		}
		o.ended(&ev)
		return true, nil
	}
}

// part reads the lines of the first bytes of a file.
type part struct {
	f        *os.File
	pos, end int64
	buf      []byte
}

// next gives the next whole line without its newline, or io.EOF.
func (p *part) next() ([]byte, error) {
	for {
		if i := bytes.IndexByte(p.buf, '\n'); i >= 0 {
			line := p.buf[:i]
			p.buf = p.buf[i+1:]
			if len(line) > 0 {
				return line, nil
			}
			continue
		}
		if p.pos >= p.end {
			return nil, io.EOF
		}
		more := make([]byte, min(chunk, p.end-p.pos))
		n, err := p.f.ReadAt(more, p.pos)
		if n == 0 && err != nil {
			return nil, err
		}
		p.pos += int64(n)
		p.buf = append(p.buf, more[:n]...)
	}
}
