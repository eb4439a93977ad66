package fault

import "fmt"

// Kind says to a script why something failed. It is an error itself, so that
// errors.Is(err, fault.NotFound) asks for it through any wrapping.
//
// Kinds are append-only: a kind keeps its number and its name for ever, because both are stored
// and sent. A reader meets names that a newer ioc invented; [ParseKind] reports them as Unknown.
type Kind uint8

// The kinds, in the order in which they came. The zero Kind in [New] takes the cause's kind.
const (
	Unknown      Kind = iota // not classified
	Invalid                  // the request makes no sense, whatever the state of the host
	NotFound                 // the subject does not exist
	Exists                   // the subject exists already and differs from what was asked
	Busy                     // the subject is in use; a *HeldError says by whom
	NotSupported             // this host cannot; a *NeedsError says what it lacks
	Denied                   // the caller lacks a right
	NoSpace                  // disk, quota or table full
	Corrupt                  // stored data contradicts itself or its checksum
	Unavailable              // something needed did not answer: a server, a device, a program
	Timeout                  // a bound on waiting was reached
	Cancelled                // the caller gave up: interrupt, closed connection, cancelled context
	Residue                  // it failed, and something was left behind that recovery has to remove
	Internal                 // a bug in ioc
	kindEnd
)

// row is what is known of a kind.
type row struct{ name, text, meaning, advice string }

// row gives the kind's line of docs/errors.md. A value that is no kind of this version gets Unknown's.
func (k Kind) row() row {
	switch k {
	case Invalid:
		return row{"invalid", "invalid", "the request makes no sense, whatever the state of the host", "correct the request; repeating it cannot help"}
	case NotFound:
		return row{"not-found", "not found", "the subject does not exist", "create or fetch it, or correct its name"}
	case Exists:
		return row{"exists", "already exists", "the subject exists and differs from what was asked", "choose another name, or remove what is there"}
	case Busy:
		return row{"busy", "busy", "the subject is in use; the text says by which operation, by which PID and since when", "wait and repeat"}
	case NotSupported:
		return row{"unsupported", "not supported", "this host cannot do it; the text names the feature and what it needs", "provide what is needed, or do without the feature"}
	case Denied:
		return row{"denied", "permission denied", "the caller lacks a right", "repeat with the right, often as root"}
	case NoSpace:
		return row{"no-space", "no space left", "a disk, a quota or a table of the kernel is full", "make room and repeat"}
	case Corrupt:
		return row{"corrupt", "corrupt", "stored data contradicts itself or its checksum; nothing was done with it", "look at it by hand; restore it"}
	case Unavailable:
		return row{"unavailable", "not available", "something that is needed did not answer: a server, a device, a program", "repeat later"}
	case Timeout:
		return row{"timeout", "timed out", "a bound on waiting was reached; the text says on what", "find out what hangs; repeat with a longer bound"}
	case Cancelled:
		return row{"cancelled", "cancelled", "the caller gave up: an interrupt, a closed connection, a cancelled context", "repeat when wanted"}
	case Residue:
		return row{"residue", "something was left behind", "the operation failed and could not be undone completely; what is left is listed and journaled", "recover; the rollback is tried again"}
	case Internal:
		return row{"internal", "internal error", "a bug in ioc", "report it"}
	default: // Unknown, or a number of a newer version
		return row{"unknown", "failed", "nobody classified the cause; the text has it", "read the text"}
	}
}

// Kinds returns all kinds in the order of their numbers, Unknown first.
func Kinds() []Kind {
	all := make([]Kind, kindEnd)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// ParseKind is the inverse of [Kind.Name]. A name it does not know gives Unknown and false.
func ParseKind(name string) (Kind, bool) {
	for k := range kindEnd {
		if k.row().name == name {
			return k, true
		}
	}
	return Unknown, false
}

// Name is the kind on the wire and in scripts: lower case, words joined by a hyphen.
func (k Kind) Name() string { return k.row().name }

// Error is the kind in a sentence, for an error that has no better cause to give.
func (k Kind) Error() string { return k.row().text }

// Meaning explains the kind in a phrase, for documentation and help texts.
func (k Kind) Meaning() string { return k.row().meaning }

// Advice says in a phrase what can be done about an error of the kind, where the error itself has no
// remedy to give.
func (k Kind) Advice() string { return k.row().advice }

// AppendText appends the kind's name.
func (k Kind) AppendText(dst []byte) ([]byte, error) { return append(dst, k.Name()...), nil }

// MarshalText returns the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.Name()), nil }

// UnmarshalText accepts any name: one that a newer version invented becomes Unknown, because a
// stream of errors must stay readable. Only an empty text is refused.
func (k *Kind) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return fmt.Errorf("fault kind: %w: empty name", Invalid)
	}
	*k, _ = ParseKind(string(text))
	return nil
}
