package jail

import "log/slog"

// Subject is the jail that an event is about. Every payload of this package begins with it.
type Subject struct{ Jail Name }

// EventKey is the jail's name.
func (s *Subject) EventKey() string { return string(s.Jail) }

// AppendAttrs adds nothing: the jail is the key.
func (*Subject) AppendAttrs(dst []slog.Attr) []slog.Attr { return dst }
