package selector

import "fmt"

// Error is a term that cannot be understood.
type Error struct {
	Term   string
	Column int    // of the character that is wrong, from 1
	Reason string // a phrase
	Remedy string // what to write instead; may be empty
	Cause  error  // the schema's, if it refused a key
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%q, character %d: ", e.Term, e.Column)
	if e.Cause != nil {
		return text + e.Cause.Error()
	}
	return text + e.Reason
}

// Unwrap returns the schema's error.
func (e *Error) Unwrap() error { return e.Cause }
