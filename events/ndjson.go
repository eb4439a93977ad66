package events

import (
	"io"
	"sync"
)

// NDJSON writes every event to w as one line of JSON, after a first line that describes the run:
//
//	{"v":1,"run":"01J...","started":"2026-11-22T09:30:12.5Z","host":"h","pid":7}
//
// It is complete, and so it blocks the operation while w does. Use NDJSONWriter to learn whether w failed.
// The format is versioned: fields and kinds of lines are only added, and a reader ignores what it does
// not know. ReadNDJSON reads it.
func NDJSON(w io.Writer) Sink { return NewNDJSONWriter(w).Sink() }

// NDJSONWriter writes streams of events. It takes one run at a time, and several one after the other.
type NDJSONWriter struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
	enc encoder
	run *RunInfo // whose header was written
	any bool     // a header was written
	err error
}

// NewNDJSONWriter makes a writer to w. Every record is one call of w.Write; the header is written with
// the first.
func NewNDJSONWriter(w io.Writer) *NDJSONWriter { return &NDJSONWriter{w: w} }

// Sink is what a run is given with WithSink.
func (n *NDJSONWriter) Sink() Sink { return n.write }

// Err is the error that ended the writing, nil as long as all was written. It may be called from any
// goroutine. After an error nothing more is written, so what w holds is whole but for its last line.
func (n *NDJSONWriter) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

func (n *NDJSONWriter) write(ev *Event) {
	const keep = 1 << 16 // a buffer that one huge record grew is not kept
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return
	}
	buf := n.buf[:0]
	if !n.any || n.run != ev.Run {
		n.any, n.run = true, ev.Run
		run := ev.Run
		if run == nil {
			run = &RunInfo{}
		}
		buf = append(appendHeader(buf, run), '\n')
	}
	buf = append(n.enc.event(buf, ev), '\n')
	written, err := n.w.Write(buf)
	if err == nil && written < len(buf) {
		err = io.ErrShortWrite
	}
	n.err = err
	n.buf = buf
	if cap(buf) > keep {
		n.buf = nil
	}
}
