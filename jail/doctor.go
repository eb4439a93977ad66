package jail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

var _ doctor.Inspector = (*Keeper)(nil)

// Inspect finds jails that are not what they seem: dead ones, those whose files are gone, and those that
// cannot be used. A jail that runs has nothing that is mended.
func (k *Keeper) Inspect(ctx context.Context) ([]doctor.Finding, error) {
	all, err := k.List(ctx)
	var found []doctor.Finding
	for _, i := range all {
		if f, ok := k.finding(ctx, &i); ok {
			found = append(found, f)
		}
	}
	return found, err
}

func (k *Keeper) finding(ctx context.Context, i *Info) (doctor.Finding, bool) {
	name := string(i.Name)
	f := doctor.Finding{Subject: name, Class: doctor.Damage, Text: i.Reason, Remedy: i.Remedy, Jail: name}
	switch {
	case i.gone && !i.alive, i.State == Dead:
		f.Kind, f.Proof = "jail.dead", "its start is on record, and what it started is gone"
		if i.gone {
			f.Kind = "jail.lost"
		}
		f.Remedy, f.Mend = "undo what its start did; nothing of it runs", settling{k, i.Name}
	case i.gone:
		f.Kind, f.Proof, f.Remedy = "jail.lost", "it runs, and its files are gone", "ioc stop "+name
	case i.usable == nil && i.lacks(ctx):
		f.Kind, f.Text = "jail.unattended", "it runs, and its network does not last: "+i.missing(ctx)
		f.Proof, f.Remedy, f.Mend = "its start is on record, and the process that it started for that is gone", "start that process again", attending{k, i.Name}
	case i.usable == nil:
		return f, false // stopping: a release that is broken off is in the journal, and one that is not is none
	case isConfig(i.usable) && !i.alive && !i.started:
		f.Kind, f.Text = "jail.config", "its configuration cannot be used: "+i.usable.Error()
		f.Proof = "no jail of this root can be started without one"
		f.Remedy, f.Mend = "write a new one with defaults, and keep what is there as "+unreadableFile, rewriting{k, i.Name}
		if number, _ := k.usableVersion(ctx, i.Name); number > 0 {
			f.Remedy = fmt.Sprintf("return to version %d of it, and keep what is there as %s", number, unreadableFile)
		}
	default:
		f.Kind, f.Text, f.Proof = "jail.broken", i.usable.Error(), "it cannot be used as it is"
	}
	return f, true
}

// configError is a configuration that is not there or cannot be read.
type configError struct{ error }

// Unwrap returns the cause.
func (e *configError) Unwrap() error { return e.error }

func isConfig(err error) bool {
	_, ok := errors.AsType[*configError](err)
	return ok
}

// settling releases what a dead jail's start retained.
type settling struct {
	k    *Keeper
	jail Name
}

// Apply looks again: the jail may have been started meanwhile.
func (m settling) Apply(s events.Step) error {
	i, err := m.k.Look(s.Context(), m.jail)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.k.settle(s, &i)
}

// unreadableFile is what a configuration that could not be used is kept as.
const unreadableFile = "config.json.unreadable"

// usableVersion is the newest version of a configuration that can be used, 0 if none is kept.
func (k *Keeper) usableVersion(ctx context.Context, name Name) (number int, file []byte) {
	p, err := k.past(ctx, name)
	if err != nil { // it cannot be read either
		return 0, nil
	}
	for _, e := range slices.Backward(p.Versions) {
		if _, err := config.Parse(e.file()); err == nil {
			return e.Number, e.file()
		}
	}
	return 0, nil
}

// rewriting gives a jail a configuration again.
type rewriting struct {
	k    *Keeper
	jail Name
}

// Apply looks again, and writes.
func (m rewriting) Apply(s events.Step) error {
	ctx, set := s.Context(), storage.Jail(m.jail)
	i, err := m.k.Look(ctx, m.jail)
	if err != nil || i.started || !isConfig(i.usable) {
		return err
	}
	number, text := m.k.usableVersion(ctx, m.jail)
	if number == 0 {
		data := &config.Data{}
		if i.Origin.Dataset.Kind == storage.Releases {
			if err := data.Set("release", string(i.Origin.Dataset.Name)); err != nil {
				return err
			}
		}
		text = data.Encode()
	}
	old, err := m.k.Storage.ReadFile(ctx, set, configFile)
	if err == nil {
		keep, err := m.k.Storage.WriteFile(ctx, set, unreadableFile, old)
		if err != nil {
			return err
		}
		if err := keep.Apply(s); err != nil {
			return err
		}
	} else if !errors.Is(err, fault.NotFound) {
		return err
	}
	fresh, err := m.k.Storage.WriteFile(ctx, set, configFile, text)
	if err != nil {
		return err
	}
	return fresh.Apply(s)
}

// Mending is the payload of the step that puts one finding right.
type Mending struct{ Finding doctor.Finding }

// EventType is doctor.mend.
func (*Mending) EventType() string { return "doctor.mend" }

// EventKey is what is mended.
func (p *Mending) EventKey() string { return p.Finding.Subject }

// EventTitle says what is done.
func (p *Mending) EventTitle() string {
	return p.Finding.Kind + " " + p.Finding.Subject + ": " + p.Finding.Remedy
}

// AppendAttrs lists the kind and what it is.
func (p *Mending) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst,
		slog.String("kind", p.Finding.Kind), // what sort of finding it is
		slog.String("text", p.Finding.Text), // what was found, for people
	)
}

// Mend puts findings right as children of s, each in a step of its own that may fail without the others:
// failed has those with what went wrong. The locks of the jails that they are of are taken first, then the
// records are read once more: a finding that one mentions by then is left alone.
func (k *Keeper) Mend(s events.Step, found []doctor.Finding, r doctor.Records) (done, failed []doctor.Finding, err error) {
	locked := make([]error, len(found))
	for i, f := range found {
		locked[i] = k.reserve(s, &f)
	}
	known, err := r.Read() // before this run has records of its own that would mention them
	if err != nil {
		return nil, nil, err
	}
	for i, f := range found {
		if f.Mend == nil || doctor.Mentioned(known, &f) {
			continue
		}
		f.Err = s.Do(&Mending{f}, func(s events.Step) error {
			if locked[i] != nil {
				return locked[i]
			}
			if f.Jail != "" {
				if err := k.Claim(s, "doctor", true, []storage.Dataset{storage.Jail(Name(f.Jail))}, nil); err != nil {
					return err
				}
			}
			return f.Mend.Apply(s)
		})
		if err := s.Context().Err(); err != nil {
			return done, failed, context.Cause(s.Context())
		}
		if f.Err != nil {
			failed = append(failed, f)
		} else {
			done = append(done, f)
		}
	}
	return done, failed, nil
}

// reserve takes the lock of the jail that a finding is of.
func (k *Keeper) reserve(s events.Step, f *doctor.Finding) error {
	if f.Mend == nil || f.Jail == "" {
		return nil
	}
	jail := storage.Jail(Name(f.Jail))
	if err := jail.Validate(); err != nil {
		return err
	}
	_, err := k.take(s, "doctor", Want{Dataset: jail})
	return err
}
