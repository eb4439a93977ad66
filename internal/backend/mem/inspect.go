package mem

import (
	"context"
	"slices"
	"strings"
	"syscall"

	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
)

var (
	_ doctor.Inspector = (*World)(nil)
	_ doctor.Inspector = (*Kernel)(nil)
)

// Inspect finds datasets without a name: on their way, and in the trash.
func (w *World) Inspect(context.Context) ([]doctor.Finding, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []doctor.Finding
	add := func(kind, id, text string) {
		all = append(all, doctor.Finding{
			Kind: kind, Subject: id, Class: doctor.Debris, Text: text,
			Proof: "it is in this world, and the journal does not name it", Remedy: "delete it", Marks: []string{id},
			Mend: events.Change{After: []events.Effect{&Clear{w: w, ID: id}}},
		})
	}
	for id, s := range w.hidden {
		add("dataset.staged", id, "half of "+s.name.String()+", which never got its name")
	}
	for id, s := range w.trash {
		add("trash.left", id, s.name.String()+", which was destroyed and was not deleted")
	}
	slices.SortFunc(all, func(a, b doctor.Finding) int { return strings.Compare(a.Subject, b.Subject) })
	return all, nil
}

// Clear is the effect that deletes, after the commit, a dataset without a name.
type Clear struct {
	w  *World
	ID string
}

// EventType is the effect's name in events.
func (*Clear) EventType() string { return "storage.clear" }

// EventTitle is for people.
func (e *Clear) EventTitle() string { return "delete " + e.ID }

// EventKey is the id.
func (e *Clear) EventKey() string { return e.ID }

// Do deletes it.
func (e *Clear) Do(context.Context) error {
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	delete(e.w.hidden, e.ID)
	delete(e.w.trash, e.ID)
	return nil
}

// Undo cannot: the effect is only ever deferred.
func (*Clear) Undo(context.Context) error { return nil }

// Inspect finds groups and processes. Their marks say who is to be asked whether a jail stands on them.
func (k *Kernel) Inspect(context.Context) ([]doctor.Finding, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	tokens := map[string]string{}
	for token := range k.groups {
		tokens[token] = "a group of processes that nobody knows of"
	}
	for token, p := range k.inits {
		tokens[token] = "a process of " + p.id + " that nobody knows of"
	}
	var all []doctor.Finding
	for token, text := range tokens {
		all = append(all, doctor.Finding{
			Kind: "start.left", Subject: token, Class: doctor.Debris, Text: text,
			Proof: "it is in this kernel, and the journal does not name it", Remedy: "end it", Marks: []string{token},
			Mend: events.Change{After: []events.Effect{&Reap{k: k, Token: token}}},
		})
	}
	slices.SortFunc(all, func(a, b doctor.Finding) int { return strings.Compare(a.Subject, b.Subject) })
	return all, nil
}

// Reap is the effect that ends, after the commit, what is left of a start.
type Reap struct {
	k     *Kernel
	Token string
}

// EventType is the effect's name in events.
func (*Reap) EventType() string { return "sandbox.reap" }

// EventTitle is for people.
func (e *Reap) EventTitle() string { return "end what is left of " + e.Token }

// EventKey is the token.
func (e *Reap) EventKey() string { return e.Token }

// Volatile tells that a reboot takes it away.
func (*Reap) Volatile() bool { return true }

// Do ends it.
func (e *Reap) Do(context.Context) error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	e.k.end(e.Token, sandbox.Exit{Signal: syscall.SIGKILL, Known: true})
	delete(e.k.groups, e.Token)
	return nil
}

// Undo cannot: the effect is only ever deferred.
func (*Reap) Undo(context.Context) error { return nil }
