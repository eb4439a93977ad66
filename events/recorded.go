package events

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
)

// Recorded is the payload of an event that was read back: what its stream says of the original.
// Begin, Progress and End of a step share one.
type Recorded struct {
	Type  string          // EventType
	Key   string          // EventKey, may be empty
	Title string          // EventTitle, may be empty
	Data  json.RawMessage // the attributes, one JSON value; nil if there are none
}

// EventType is Type.
func (r *Recorded) EventType() string { return r.Type }

// EventKey is Key.
func (r *Recorded) EventKey() string { return r.Key }

// EventTitle is Title.
func (r *Recorded) EventTitle() string { return r.Title }

// AppendJSON appends Data as it was read.
func (r *Recorded) AppendJSON(dst []byte) ([]byte, error) { return append(dst, r.Data...), nil }

// AppendAttrs appends the members of Data in their order, numbers and nested objects as slog has them.
// Data that is no object becomes one attribute, "data".
func (r *Recorded) AppendAttrs(dst []slog.Attr) []slog.Attr {
	if len(r.Data) == 0 {
		return dst
	}
	v := attrValue(r.Data)
	if v.Kind() == slog.KindGroup {
		return append(dst, v.Group()...)
	}
	return append(dst, slog.Attr{Key: "data", Value: v})
}

// attrValue is raw as a log value; what slog has no kind for stays raw.
func attrValue(raw json.RawMessage) slog.Value {
	switch text := strings.TrimSpace(string(raw)); {
	case text == "true", text == "false":
		return slog.BoolValue(text == "true")
	case strings.HasPrefix(text, `"`):
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return slog.StringValue(s)
		}
	case strings.HasPrefix(text, "{"):
		if attrs, ok := attrMembers(raw); ok {
			return slog.GroupValue(attrs...)
		}
	default:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return slog.Int64Value(n)
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return slog.Uint64Value(n)
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return slog.Float64Value(f)
		}
	}
	return slog.AnyValue(raw)
}

func attrMembers(raw json.RawMessage) (attrs []slog.Attr, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return nil, false
	}
	for dec.More() {
		key, err := dec.Token()
		name, isName := key.(string)
		var member json.RawMessage
		if err != nil || !isName || dec.Decode(&member) != nil {
			return nil, false
		}
		attrs = append(attrs, slog.Attr{Key: name, Value: attrValue(member)})
	}
	return attrs, true
}

// RecordedError is the error of an event that was read back. It is not the original, but what
// consumers ask of an error they can ask of it: the text, the reason (errors.Is with context.Canceled,
// ErrBreak or ErrExited), kind and remedies of package fault, and the residue
// (errors.AsType[*RollbackError]).
type RecordedError struct {
	Text     string
	Reason   Reason
	Fault    string    // name of the fault kind; empty: unknown
	Remedies []string  // as fault.Remedies gives them
	Residue  []Residue // what the rollback left; their Err are *RecordedError
}

// Error is the original's text.
func (e *RecordedError) Error() string {
	if e.Text == "" {
		return "failed"
	}
	return e.Text
}

// FaultKind is the original's kind; one that this version does not know is Unknown.
func (e *RecordedError) FaultKind() fault.Kind {
	k, _ := fault.ParseKind(e.Fault)
	return k
}

// Is makes errors.Is hold for the kind.
func (e *RecordedError) Is(target error) bool {
	k, ok := target.(fault.Kind) //nolint:errorlint // it is the target that is looked at
	return ok && k != fault.Unknown && k == e.FaultKind()
}

// Unwrap gives what the original's tree would have answered for.
func (e *RecordedError) Unwrap() []error {
	var all []error
	switch e.Reason {
	case Cancelled:
		all = append(all, context.Canceled)
	case Broke:
		all = append(all, ErrBreak)
	case Exited:
		all = append(all, ErrExited)
	case Panicked:
		all = append(all, &PanicError{Value: e.Text})
	case NoReason, Errored:
	}
	for _, r := range e.Remedies {
		all = append(all, &fault.Error{Remedy: r})
	}
	if len(e.Residue) > 0 {
		left := &RollbackError{Cause: &RecordedError{Text: e.Text, Reason: e.Reason}, Residue: e.Residue}
		if cause, ok := strings.CutSuffix(e.Text, strings.TrimPrefix(left.Error(), e.Error())); ok {
			left.Cause = &RecordedError{Text: cause, Reason: e.Reason}
		}
		all = append(all, left)
	}
	return all
}
