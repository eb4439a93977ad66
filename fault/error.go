package fault

import "strings"

// Error is one link of an error's story. All its fields may be empty.
//
// An Error must not be changed once it was returned. Its text is
//
//	Op Subject: Err
//
// where missing parts are left out, and the kind's own text stands for a missing Err.
type Error struct {
	Op      string // what was tried, as a verb: "start", "mount"
	Kind    Kind   // why it failed; Unknown: as Err says
	Subject string // what it was tried on: a jail's name, a path
	Remedy  string // what the user can do now, as an imperative sentence without a full stop
	Err     error  // the cause
}

// New returns an error that says: op failed on subject because of err.
//
// With kind Unknown the result has the kind of err. With err nil it reads "op subject: " and the
// kind's own text. New always returns an error; whether there is one is the caller's question.
func New(op string, kind Kind, subject string, err error) *Error {
	return &Error{Op: op, Kind: kind, Subject: subject, Err: err}
}

// WithRemedy returns a copy of e that tells the user what to do. The outermost remedy of a chain is
// the one shown: who adds one has seen the ones below and knows the user's intent better.
func (e *Error) WithRemedy(remedy string) *Error {
	c := *e
	c.Remedy = remedy
	return &c
}

// Error gives the text. A cause that begins with the same operation on the same subject is not
// introduced twice.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Op != "" && e.Subject != "" {
		b.WriteByte(' ')
	}
	b.WriteString(e.Subject)
	intent := b.String()

	cause := e.Kind.Error()
	if e.Err != nil {
		cause = e.Err.Error()
	}
	if intent == "" || strings.HasPrefix(cause, intent+": ") {
		return cause
	}
	return intent + ": " + cause
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is e's kind. errors.Is calls it for every error of a chain.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind && k != Unknown
}

// FaultKind returns e's own kind.
func (e *Error) FaultKind() Kind { return e.Kind }
