package ioc

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/journal"
)

// Mending is the payload of putting a host in order.
type Mending struct{}

// EventType is host.mend.
func (*Mending) EventType() string { return "host.mend" }

// EventTitle is for people.
func (*Mending) EventTitle() string { return "put in order what is not" }

// Mended says what came of a mending.
type Mended struct {
	Recovered journal.Recovered
	Done      []doctor.Finding // put right; what cannot be undone is done when the operation has ended
	Failed    []doctor.Finding // with Err
}

// AppendAttrs lists the numbers.
func (m Mended) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int("done", len(m.Done)), slog.Int("failed", len(m.Failed)))
}

// Examine looks for what is not in order on this host: what died and left something behind, what nobody
// refers to, what cannot be read, and what the host could do and does not. It changes nothing. Only
// what can be proved to be of this root is called debris; things of other roots and programs are not looked at.
func (h *Host) Examine(ctx context.Context) []doctor.Finding {
	inspectors := []doctor.Inspector{h.keeper, h.records().journal, h.locks, doctor.Func(h.missing)}
	for _, part := range []any{h.backend.Storage, h.backend.Sandbox} {
		if i, ok := part.(doctor.Inspector); ok {
			inspectors = append(inspectors, i)
		}
	}
	return doctor.Examine(ctx, known{h.records().journal}, inspectors...)
}

// known are the journal's records, as package doctor reads them.
type known struct{ journal *journal.Journal }

func (k known) Read() (doctor.Mentions, error) { return k.journal.Mentions() }

// missing says what the host cannot do, as advice.
func (h *Host) missing(ctx context.Context) ([]doctor.Finding, error) {
	f := h.Features(ctx)
	var all []doctor.Finding
	for _, name := range slices.Sorted(maps.Keys(f.Sandbox.Why)) {
		why, remedy := f.Sandbox.Why[name], remedyFor(name)
		if remedy == "" {
			continue
		}
		// What has the same reason is one finding.
		if i := slices.IndexFunc(all, func(o doctor.Finding) bool { return o.Text == why && o.Remedy == remedy }); i >= 0 {
			all[i].Subject += ", " + name
			continue
		}
		all = append(all, doctor.Finding{Kind: "host.lacks", Subject: name, Class: doctor.Advice, Text: why, Remedy: remedy})
	}
	if !f.Storage.Cheap {
		all = append(all, doctor.Finding{
			Kind: "host.lacks", Subject: "Layers", Class: doctor.Advice, Text: f.Storage.Why,
			Remedy: "put the root on a file system that can have layers of an overlay, ext4 or xfs: then jails share what they have in common",
		})
	}
	return all, nil
}

// remedyFor says how a host gets what it lacks; empty: nothing is wrong with being without.
func remedyFor(feature string) string {
	switch feature {
	case "Memory", "PIDs", "CPU", "Freeze":
		return "have control groups delegated to this user (with systemd: Delegate=yes of user@.service), or be root; until then such limits are refused"
	case "UserNamespaces":
		return "allow user namespaces (sysctl user.max_user_namespaces); until then only root has jails"
	case "IDRanges":
		return "install newuidmap and newgidmap, and give this user ranges in /etc/subuid and /etc/subgid; until then a jail has one user"
	default:
		return ""
	}
}

// Mend puts right what Examine finds and can be put right. It begins with a recovery, as every operation
// does, but tries again what was given up. Each finding is a step of its own: one that fails is undone, is in
// the value, and stops no other. Under the lock of the jail that it belongs to it is looked at once more. What
// cannot be undone, killing and deleting, is done when the operation has committed.
func (h *Host) Mend() events.Op[Mended] {
	r := h.records()
	return events.New(&Mending{}, func(s events.Step) (Mended, error) {
		var m Mended
		var err error
		if m.Recovered, err = events.Call(s, r.journal.Recover(r.registry, journal.Retry())); s.Context().Err() != nil {
			return m, err
		} // what else went wrong is in the stream, and found again
		stale, err := h.locks.Inspect(s.Context())
		if err = errors.Join(err, h.locks.Sweep()); err == nil {
			m.Done = append(m.Done, stale...)
		} // else they are found again
		done, failed, err := h.keeper.Mend(s, h.Examine(s.Context()), known{r.journal})
		if m.Done, m.Failed = append(m.Done, done...), failed; err != nil {
			return m, err
		}
		s.Result(m)
		if len(m.Done)+len(m.Failed) == 0 && m.Recovered == (journal.Recovered{}) {
			return m, events.Skip("there is nothing to mend")
		}
		return m, nil
	}).With(h.preset...)
}
