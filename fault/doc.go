// Package fault has the one error type of ioc.
//
// It owns what an error says to a person (operation, subject, cause, remedy) and to a script (a
// [Kind], an exit code). It refuses to know how anything failed: a back end reads errno values and
// other programs' messages and chooses the kind; nothing here looks at an operating system, and
// nothing guesses. An error that nobody classified has the kind [Unknown].
//
// Each layer adds the noun that the layer below could not know, and the text then reads from intent
// to cause:
//
//	err := fault.New("start", fault.Unknown, "web",
//		fault.New("mount", fault.Denied, "/dev",
//			errors.New("devfs: permission denied")).
//			WithRemedy("run it as root"))
//
//	err.Error()                      // start web: mount /dev: devfs: permission denied
//	errors.Is(err, fault.Denied)     // true: some error in the chain is of that kind
//	fault.KindOf(err)                // fault.Denied: the outermost that says one
//	fault.Remedies(err)              // [run it as root]
//	fault.ExitCode(err)              // 1
//
// docs/errors.md lists the kinds and is made from this package by go generate.
package fault

//go:generate go test -count=1 -run ^TestDocument$ -update .
