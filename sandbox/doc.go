// Package sandbox says what a jail needs of a kernel: to be started, entered, signalled, found again
// and ended.
//
// It owns the vocabulary: a [Spec] describes a jail before it runs, a [State] finds it again
// afterwards, a [Driver] turns the one into the other. Specs and states are pure values, equal when
// their JSON is; handles on live kernel objects stay inside a driver. It refuses to know how a kernel
// isolates (namespaces, jail(2), a runtime program), where file systems come from (package storage)
// and what a network is made of (package network).
//
// Starting is a list of effects that the caller applies in order; stopping is their undo, newest
// first, possibly by another process that read them from a journal:
//
//	effects, err := driver.Start(spec)
//	for _, e := range effects {
//		if err := step.Apply(e); err != nil {
//			return err
//		}
//	}
//	state := effects[len(effects)-1].(sandbox.Held).State()
//
//	session, err := driver.Exec(state, sandbox.Process{Args: []string{"id"}}, sandbox.Stdio{Out: os.Stdout})
//	if err := step.Apply(session); err != nil {
//		return err
//	}
//	exit, err := session.Wait(ctx)
//
// Package sandboxtest has the suite that every driver passes.
package sandbox
