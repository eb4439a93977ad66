package ioc

import (
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/journal"
)

// records is what package jail needs of a journal.
type records struct {
	journal  *journal.Journal
	registry *events.Registry
}

func (r records) Keys() ([]string, error) {
	var keys []string
	for held, err := range r.journal.Held() {
		if err != nil && held.Key == "" {
			return nil, err
		}
		keys = append(keys, held.Key) // what cannot be read breaks its own jail only
	}
	return keys, nil
}

func (r records) Kept(key string) (*jail.Kept, error) {
	held, ok, err := r.journal.Lookup(key)
	if err != nil || !ok {
		return nil, err
	}
	kept := &jail.Kept{Since: held.Run.Started, Releasing: held.Releasing}
	if held.Corrupt != nil {
		return kept, held.Corrupt
	}
	var failed []error
	for _, rec := range held.Records {
		e, err := r.registry.Decode(rec.Name, rec.Params)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		kept.Effects = append(kept.Effects, e)
	}
	return kept, errors.Join(failed...)
}

func (r records) Release(s events.Step, key string, first func(events.Step)) error {
	_, err := events.Call(s, r.journal.Release(key, r.registry, journal.First(first)))
	return err
}

func (r records) Dirty() (bool, error) { return r.journal.Dirty() }

func (r records) Recover(s events.Step, about func(events.Effect) bool) error {
	_, err := events.Call(s, r.journal.Recover(r.registry, journal.Concerning(about)))
	return err
}
