package events

import "slices"

// partOf tells whether the failure of child is why parent fails, or a consequence of it.
func partOf(child, parent *Event) bool {
	switch child.Reason {
	case Panicked, Cancelled, Broke, Exited:
		return true // nobody can handle a panic; a step that was stopped tells nothing new
	case NoReason, Errored:
	}
	return within(cause(child.Err), parent.Err)
}

// cause is err without what its rollback left: every level that fails makes a RollbackError of its own.
func cause(err error) error {
	for {
		rb, ok := err.(*RollbackError) //nolint:errorlint // one link at a time
		if !ok {
			return err
		}
		err = rb.Cause
	}
}

// within tells whether err is in tree. Errors that cannot be compared are told apart by their text.
func within(err, tree error) bool {
	if err == nil || tree == nil {
		return false
	}
	same := func() (same bool) {
		defer func() {
			if recover() != nil {
				same = errorText(err) == errorText(tree)
			}
		}()
		return err == tree //nolint:errorlint // the tree is walked here
	}
	if same() {
		return true
	}
	switch e := tree.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		return within(err, e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(branch error) bool { return within(err, branch) })
	}
	return false
}
