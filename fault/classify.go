package fault

import (
	"context"
	"errors"
	"slices"
)

// Classified is implemented by errors of other packages that know their kind: a rollback that left
// something behind is Residue without being an [Error]. Unknown leaves the question to the cause.
type Classified interface {
	error
	FaultKind() Kind
}

// KindOf says why err happened: the kind of the outermost error of its tree that has one, joined
// errors in their order.
//
// Where nobody said a kind, context.DeadlineExceeded is Timeout and context.Canceled is Cancelled.
// No other foreign error is classified, on purpose: that a file below some mechanism does not exist
// must not tell a script that the jail does not. KindOf(nil) is Unknown.
func KindOf(err error) Kind {
	found := Unknown
	walk(err, func(e error) bool {
		if found == Unknown {
			found = kindOfLink(e)
		}
		return found == Unknown
	})
	switch {
	case found != Unknown:
		return found
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Cancelled
	default:
		return Unknown
	}
}

// Remedies lists what the user can do: the outermost remedy of each branch of err's tree, no text
// twice. Errors without joined causes have at most one.
func Remedies(err error) []string {
	var all []string
	walk(err, func(e error) bool {
		f, ok := e.(*Error) //nolint:errorlint // walk does the unwrapping
		if !ok || f.Remedy == "" {
			return true
		}
		if !slices.Contains(all, f.Remedy) {
			all = append(all, f.Remedy)
		}
		return false
	})
	return all
}

// kindOfLink is the kind that e itself says, without its causes.
func kindOfLink(e error) Kind {
	switch e := e.(type) { //nolint:errorlint // walk does the unwrapping
	case Kind:
		return e
	case Classified:
		return e.FaultKind()
	}
	return Unknown
}

// walk visits err and its causes, outermost first, and does not go below an error for which visit
// returned false. Branches of a join are all visited, whatever visit said of the others.
func walk(err error, visit func(error) bool) {
	if err == nil || !visit(err) {
		return
	}
	switch e := err.(type) { //nolint:errorlint // this is the unwrapping
	case interface{ Unwrap() error }:
		walk(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, branch := range e.Unwrap() {
			walk(branch, visit)
		}
	}
}
