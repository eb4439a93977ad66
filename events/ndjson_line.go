package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// wire is a line: a header if it has a version, a record if it has a phase.
type wire struct {
	V       *int      `json:"v"`
	RunID   *RunID    `json:"run"`
	Started time.Time `json:"started"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`

	Seq     uint64          `json:"seq"`
	ID      ID              `json:"id"`
	Parent  ID              `json:"parent"`
	Phase   string          `json:"phase"`
	Status  string          `json:"status"`
	Kind    string          `json:"kind"`
	Of      ID              `json:"of"`
	Type    string          `json:"type"`
	Key     string          `json:"key"`
	Title   string          `json:"title"`
	At      time.Duration   `json:"t"`
	Dur     time.Duration   `json:"dur"`
	Lane    uint32          `json:"lane"`
	Depth   uint16          `json:"depth"`
	Detail  json.RawMessage `json:"detail"`
	Reason  string          `json:"reason"`
	Err     *string         `json:"err"`
	Fault   string          `json:"fault"`
	Remedy  []string        `json:"remedy"`
	Residue []wireResidue   `json:"residue"`
	Why     string          `json:"why"`
	Data    json.RawMessage `json:"data"`
}

type wireResidue struct {
	Of     ID      `json:"of"`
	Action string  `json:"action"`
	Err    *string `json:"err"`
	LSN    uint64  `json:"lsn"`
}

// reader makes events of lines.
type reader struct {
	run   *RunInfo
	ended bool             // the root's End of run was read
	open  map[ID]*Recorded // payloads of pending steps
}

// line reads one line, which is not empty; torn: it has no end. false: it holds nothing that is known.
func (rd *reader) line(line []byte, torn bool) (ev Event, ok bool, err error) {
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		switch {
		case torn && (rd.run != nil || line[0] == '{'):
			return ev, false, ErrTruncated
		case rd.run == nil:
			return ev, false, ErrNoHeader
		}
		return ev, false, err
	}
	if w.V != nil {
		return ev, false, rd.header(&w)
	}
	if rd.run == nil {
		return ev, false, ErrNoHeader
	}
	phase, ok := index(phaseNames[:], w.Phase)
	if !ok || phase == 0 {
		return ev, false, nil
	}
	if rd.ended {
		return ev, false, errors.New("a record after the root's end")
	}
	status, ok := index(statusNames[:], w.Status)
	if !ok {
		return ev, false, fmt.Errorf("status %q: not known", w.Status)
	}
	ev = Event{
		Run: rd.run, Seq: w.Seq, ID: w.ID, Parent: w.Parent, Of: w.Of, At: w.At, Dur: w.Dur, Lane: w.Lane, Depth: w.Depth,
		Phase: Phase(phase), Status: Status(status), Payload: rd.payload(&w, Phase(phase)), Detail: detail(w.Detail),
	}
	if kind, ok := index(kindNames[:], w.Kind); ok {
		ev.Kind = Kind(kind)
	}
	if reason, ok := index(reasonNames[:], w.Reason); ok {
		ev.Reason = Reason(reason)
	} else {
		ev.Reason = Errored // for one that came later
	}
	ev.Err = failureOf(&w, &ev)
	rd.ended = ev.Phase == End && ev.Parent == 0
	return ev, true, nil
}

func (rd *reader) header(w *wire) error {
	switch {
	case *w.V != 1:
		return fmt.Errorf("version %d: %w", *w.V, ErrVersion)
	case rd.run != nil && !rd.ended:
		return ErrTruncated // another stream begins
	}
	rd.run = &RunInfo{Started: w.Started, Host: w.Host, PID: w.PID}
	if w.RunID != nil {
		rd.run.ID = *w.RunID
	}
	rd.ended = false
	clear(rd.open)
	return nil
}

// payload is the one of the step's Begin if it was seen.
func (rd *reader) payload(w *wire, phase Phase) *Recorded {
	p := rd.open[w.ID]
	if phase == Begin || p == nil || p.Type != w.Type || p.Key != w.Key {
		p = &Recorded{Type: w.Type, Key: w.Key, Title: w.Title, Data: verbatim(w.Data)}
	}
	switch phase {
	case Begin:
		rd.open[w.ID] = p
	case End:
		delete(rd.open, w.ID)
	}
	return p
}

func index(names []string, name string) (uint8, bool) {
	for i, n := range names {
		if n == name {
			return uint8(i), true //nolint:gosec // a handful of names
		}
	}
	return 0, false
}

// verbatim keeps raw as it is; bytes that are not UTF-8 are replaced, as in what AppendJSON writes.
func verbatim(raw json.RawMessage) json.RawMessage {
	if utf8.Valid(raw) {
		return raw
	}
	return bytes.ToValidUTF8(raw, []byte("\ufffd"))
}

// failureOf is the error that w tells of.
func failureOf(w *wire, ev *Event) error {
	if ev.Phase == End && ev.Status == Skipped && w.Err == nil {
		return &SkipError{w.Why}
	}
	if w.Err == nil && !(ev.Phase == End && ev.Status == Failed) {
		return nil
	}
	e := &RecordedError{Reason: ev.Reason, Fault: w.Fault, Remedies: w.Remedy}
	if w.Err != nil {
		e.Text = *w.Err
	}
	for _, r := range w.Residue {
		left := Residue{Of: r.Of, Action: r.Action, LSN: r.LSN}
		if r.Err != nil {
			left.Err = &RecordedError{Text: *r.Err}
		}
		e.Residue = append(e.Residue, left)
	}
	return e
}

// detail gives raw the type it had if writing that gives raw again.
func detail(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	raw = verbatim(raw)
	var e encoder
	same := func(v any, err error) bool { return err == nil && bytes.Equal(e.any(nil, v), raw) }
	switch raw[0] {
	case '{':
		var a struct {
			Done, Total int64
			Unit        string
		}
		err := json.Unmarshal(raw, &a)
		if v := (Amount{Done: a.Done, Total: a.Total, Unit: a.Unit}); same(v, err) {
			return v
		}
		var o struct {
			Output  []string
			Omitted int
		}
		err = json.Unmarshal(raw, &o)
		if v := (Output{Lines: o.Output, Omitted: o.Omitted}); same(v, err) {
			return v
		}
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); same(s, err) {
			return s
		}
	case 't', 'f':
		return raw[0] == 't'
	default:
		var n int64
		if err := json.Unmarshal(raw, &n); same(n, err) {
			return n
		}
		var f float64
		if err := json.Unmarshal(raw, &f); same(f, err) {
			return f
		}
	}
	return raw
}
