package fault

// Exit codes. They tell the state that a command left the host in, because that decides what a
// script may do next; why a command failed is the [Kind]'s to say. docs/adr/0003 has the reasons.
const (
	ExitDone      = 0   // done, or it was so already
	ExitFailed    = 1   // failed, and the host is as it was
	ExitResidue   = 2   // failed, and something is left behind that recovery has to remove
	ExitCancelled = 130 // broken off by the caller, and the host is as it was
)

// ExitCode is the exit code of the kind: every kind has one.
func (k Kind) ExitCode() int {
	switch k {
	case Residue:
		return ExitResidue
	case Cancelled:
		return ExitCancelled
	default:
		return ExitFailed
	}
}

// ExitCode is the exit code of a command that ended with err.
//
// A Residue anywhere in err's tree outranks every other kind: whatever the reason was, also an
// interrupt, something is left. Otherwise the code is that of [KindOf].
func ExitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	left := false
	walk(err, func(e error) bool {
		left = left || kindOfLink(e) == Residue
		return !left
	})
	if left {
		return ExitResidue
	}
	return KindOf(err).ExitCode()
}
