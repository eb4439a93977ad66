package events

import "context"

// Effect is one reversible change of the world, as a value that can be encoded: a pointer to a
// struct whose exported fields are all Undo needs.
//
// Do makes the change. What only Do learns (a PID, an interface index, a GUID) it stores in
// exported fields of the effect; they are amended in the journal when Do has returned.
//
// Undo takes the change back. It is idempotent: it succeeds if Do never ran, ran by half, or was
// already undone, also in another process and after a reboot. It never destroys what its own Do did
// not make: the journal record comes before Do, so Undo may run although Do found the name taken. An
// effect proves ownership by a name that carries an id and is renamed into place last, by a GUID, a
// marker, or an exclusive create whose failure is reported with Untouched.
//
// An effect is also the payload of its own event and may implement the optional interfaces of Payload.
type Effect interface {
	Payload
	Do(ctx context.Context) error
	Undo(ctx context.Context) error
}

// Volatile is implemented by effects that may not survive a reboot: a mount, a process, an interface.
// If Volatile returns true the effect is journaled without a sync, and after a reboot it is dropped, not undone.
type Volatile interface{ Volatile() bool }

// Lazy is implemented by effects whose Do changes nothing, and whose record is there for a recovery of those that
// follow. If Lazy returns true the record reaches the disk at the latest with the next one.
type Lazy interface{ Lazy() bool }
