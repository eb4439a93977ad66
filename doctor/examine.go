package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
)

// Records are what operations have written down: those that run, those that died, and those whose effects
// are kept because a jail runs.
type Records interface {
	// Read gives what the records mention at this moment.
	Read() (Mentions, error)
}

// Mentions answers whether any record mentions a mark.
type Mentions interface {
	Mention(mark string) bool
	// Unreadable names a record that cannot be read, and could mention anything; empty: there is none.
	Unreadable() string
}

// Examine asks all inspectors and gives what they find, in a stable order. One that could not look is a
// finding itself, and hides nobody else's.
//
// Things are looked at, then the records are read, then things are looked at again. What an operation was making
// at the first look is either mentioned still, or that operation is over and the second look sees what has
// become of it; what is made later was not there at the first. So only what was there without a record the
// whole time is debris.
func Examine(ctx context.Context, r Records, all ...Inspector) []Finding {
	before := inspect(ctx, all)
	known, err := r.Read()
	if err != nil {
		return append(withoutMarks(before), blind("journal", err))
	}
	var found []Finding
	for _, f := range inspect(ctx, all) {
		if len(f.Marks) > 0 && (!contains(before, &f) || Mentioned(known, &f)) {
			continue
		}
		if lost := known.Unreadable(); len(f.Marks) > 0 && lost != "" {
			f.Mend, f.Recovery = nil, false
			f.Remedy = "deal with " + lost + " first: its record cannot be read, and may be of this"
		}
		found = append(found, f)
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		if order := rank(a.Class) - rank(b.Class); order != 0 {
			return order
		}
		return strings.Compare(a.Kind+" "+a.Subject, b.Kind+" "+b.Subject)
	})
	return found
}

// Mentioned reports whether a record mentions a finding.
func Mentioned(known Mentions, f *Finding) bool { return slices.ContainsFunc(f.Marks, known.Mention) }

func inspect(ctx context.Context, all []Inspector) []Finding {
	var found []Finding
	for _, i := range all {
		some, err := i.Inspect(ctx)
		found = append(found, some...)
		if err != nil {
			found = append(found, blind("the system", err))
		}
	}
	return found
}

// blind is the finding of somebody who could not look.
func blind(at string, err error) Finding {
	remedy := "make it readable, or run the doctor as who made it"
	if all := fault.Remedies(err); len(all) > 0 {
		remedy = all[0]
	}
	text := "could not look at " + at + ": " + err.Error()
	if _, ok := errors.AsType[*fault.Error](err); ok {
		text = "could not look everywhere: " + err.Error()
	}
	return Finding{Kind: "doctor.blind", Subject: at, Class: Damage, Text: text, Proof: "the system says so", Remedy: remedy}
}

func contains(all []Finding, f *Finding) bool {
	return slices.ContainsFunc(all, func(o Finding) bool { return o.Kind == f.Kind && o.Subject == f.Subject })
}

func withoutMarks(all []Finding) []Finding {
	return slices.DeleteFunc(all, func(f Finding) bool { return len(f.Marks) > 0 })
}

func rank(c Class) int {
	switch c {
	case Damage:
		return 0
	case Debris:
		return 1
	default:
		return 2
	}
}

// Healthy reports whether nothing is found but advice.
func Healthy(found []Finding) bool {
	return !slices.ContainsFunc(found, func(f Finding) bool { return f.Class != Advice })
}
