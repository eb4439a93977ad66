// Package companion keeps a process of the host beside a running jail: what renews its address, what carries its packets.
//
// It owns how such a process is started so that another one, after any crash, knows whether there is one and which,
// and how it is ended. It refuses to know what the process does, and events: an effect's Do calls [Start], and its
// Undo [End].
//
//	c, err := companion.Start(companion.Command{File: run, Boot: boot, Argv: argv})
//	...
//	err = companion.End(ctx, run, boot, grace)
package companion
