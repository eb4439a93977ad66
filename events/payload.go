package events

import "log/slog"

// Payload is what an event is about. It must not change after Begin; what only the end knows goes
// to Step.Result. Use pointers: the same pointer is in Begin and End and nothing is copied.
//
// EventType is noun.verb in lower case ("jail.start", "mount.bind") and the same for all values of a type.
type Payload interface{ EventType() string }

// Keyed is a payload that names its subject, the jail's name for example.
type Keyed interface{ EventKey() string }

// Titled is a payload with a line for people.
type Titled interface{ EventTitle() string }

// Attrs is a payload that lists its attributes for slog and JSON, without reflection. Secrets do not belong into it.
type Attrs interface {
	AppendAttrs(dst []slog.Attr) []slog.Attr
}

// JSONData is a payload (or a Detail) that encodes itself as one JSON value; it overrides Attrs in JSON.
type JSONData interface {
	AppendJSON(dst []byte) ([]byte, error)
}

// As returns ev's payload if it is a P. It is a type assertion.
func As[P Payload](ev Event) (P, bool) {
	p, ok := ev.Payload.(P)
	return p, ok
}

// Named is a payload that is nothing but a type and a key. It serves where a step needs no payload
// type of its own.
type Named struct {
	Type  string // EventType
	Key   string // EventKey, may be empty
	Title string // EventTitle, may be empty
}

// EventType is Type.
func (n *Named) EventType() string { return n.Type }

// EventKey is Key.
func (n *Named) EventKey() string { return n.Key }

// EventTitle is Title.
func (n *Named) EventTitle() string { return n.Title }

func keyOf(p Payload) string {
	if k, ok := p.(Keyed); ok {
		return k.EventKey()
	}
	return ""
}

func titleOf(p Payload) string {
	if t, ok := p.(Titled); ok {
		return t.EventTitle()
	}
	return ""
}
