package ioc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/nearest"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/selector"
)

// Select gives the jails that terms choose, in the order of their names: all of them without terms.
// Package selector has the grammar: names add up, everything else narrows down; keys are properties and
// [jail.Attributes].
//
// A term that cannot be understood is fault.Invalid. A name without a wildcard that no jail has is
// fault.NotFound, with the nearest name as the remedy, also where it is excluded; a pattern that chooses nothing is no error.
func (h *Host) Select(ctx context.Context, terms []string) ([]jail.Info, error) {
	s, err := selector.Parse(terms, jail.Kind)
	if err != nil {
		return nil, misread(err)
	}
	if names, only := s.Names(); only && len(s.Missing(nil)) == len(names) {
		if found, err := h.lookAt(ctx, names); err != nil || len(found) == len(names) {
			return chosen(s, found), err
		}
	}
	all, err := h.Jails(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.unknown(s.Missing(subjects(all)), all); err != nil {
		return nil, err
	}
	return chosen(s, all), nil
}

// SelectAmong gives, of each of several hosts, the jails that terms choose, as [Host.Select] does of one: a name without a
// wildcard must be that of a jail of any of them. Hosts that cannot tell their jails have an error in their place and keep the others
// from nothing; err is about the terms.
func SelectAmong(ctx context.Context, hosts []*Host, terms []string) (jails [][]jail.Info, failed []error, err error) {
	s, err := selector.Parse(terms, jail.Kind)
	if err != nil {
		return nil, nil, misread(err)
	}
	jails, failed = make([][]jail.Info, len(hosts)), make([]error, len(hosts))
	var wait sync.WaitGroup
	for n, h := range hosts {
		wait.Go(func() { jails[n], failed[n] = h.Jails(ctx) })
	}
	wait.Wait()
	all := slices.Concat(jails...)
	if len(hosts) > 0 {
		err = hosts[0].unknown(s.Missing(subjects(all)), all)
	}
	for n := range jails {
		jails[n] = chosen(s, jails[n])
	}
	return jails, failed, err
}

// lookAt looks at the jails of these names without looking at others. Those that are not there are left out.
func (h *Host) lookAt(ctx context.Context, names []string) ([]jail.Info, error) {
	var found []jail.Info
	for _, name := range slices.Sorted(slices.Values(names)) {
		i, err := h.keeper.Look(ctx, jail.Name(name))
		switch {
		case err == nil:
			found = append(found, i)
		case !errors.Is(err, fault.NotFound) && !errors.Is(err, fault.Invalid): // an impossible name is not there either
			return nil, err
		}
	}
	return found, nil
}

// chosen keeps of all what s chooses, where it is.
func chosen(s selector.Selector, all []jail.Info) []jail.Info {
	some := all[:0]
	for i := range all {
		if s.Match(&all[i]) {
			some = append(some, all[i])
		}
	}
	return some
}

func subjects(all []jail.Info) []selector.Subject {
	list := make([]selector.Subject, len(all))
	for i := range all {
		list[i] = &all[i]
	}
	return list
}

// unknown is the error about names that no jail has, each as NAME or SOURCE/NAME.
func (h *Host) unknown(names []string, all []jail.Info) error {
	if len(names) == 0 {
		return nil
	}
	words := make([]string, len(all))
	for i := range all {
		words[i] = string(all[i].Name)
	}
	var failed []error
	for _, name := range names {
		err := fault.New("", fault.NotFound, "jail "+name, nil)
		source, name, sourced := strings.Cut(name, "/")
		if !sourced {
			name = source
		}
		if near := nearest.Word(name, words); near != "" {
			err = err.WithRemedy("did you mean " + near + "?")
		} else if sourced && source != h.Source() && ValidSource(source) {
			err = err.WithRemedy("this is the source " + h.Source() + "; --source " + source + "=DATASET says where another one is")
		}
		failed = append(failed, err)
	}
	if len(failed) == 1 {
		return failed[0]
	}
	return errors.Join(failed...)
}

// misread is a term's error with what to write instead.
func misread(err error) error {
	wrong := fault.New("select", fault.Invalid, "", err)
	if e, ok := errors.AsType[*selector.Error](err); ok && e.Remedy != "" {
		return wrong.WithRemedy(e.Remedy)
	}
	return wrong
}
