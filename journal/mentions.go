package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
)

// Mentions is what the records said at a moment: of runs that live, of dead ones that are not recovered,
// and of what is kept.
type Mentions struct {
	params  [][]byte
	corrupt string
}

// Mentions reads all records that anybody will still act upon. It takes no lock. What a run has registered
// before the call is in it, for as long as the run, a recovery or a release could still undo it.
func (j *Journal) Mentions() (*Mentions, error) {
	m := &Mentions{}
	slots, err := j.slots()
	if err != nil {
		return nil, err
	}
	for _, si := range slots {
		img, raw, err := j.look(si.name)
		switch {
		case errors.Is(err, errBlank), errors.Is(err, fs.ErrNotExist), err == nil && img.h.is(flagFree):
		case errors.Is(err, ErrCorrupt):
			m.params = append(m.params, raw) // what can be read of it counts
			m.corrupt = img.h.run.String()
			if img.h.run.IsZero() {
				m.corrupt = nameless(si.name).String()
			}
		case err != nil:
			return nil, fmt.Errorf("journal: %w", err)
		default:
			for _, f := range img.frames {
				m.params = append(m.params, f.Params)
			}
		}
	}
	for held, err := range j.Held() { // last: a run that commits moves its records here
		if err != nil {
			return nil, err
		}
		if held.Corrupt != nil {
			m.corrupt = held.Key
		}
		for _, rec := range held.Records {
			m.params = append(m.params, rec.Params)
		}
	}
	return m, nil
}

// look reads a slot, whoever works with it.
func (j *Journal) look(name string) (img *image, raw []byte, err error) {
	for range 3 { // it may be written to while we read
		err = j.with(name, func(f file) (err error) {
			if raw, err = readAll(f); err == nil {
				img, err = readImage(raw, j.opts.BootID)
			}
			return err
		})
		if !errors.Is(err, ErrCorrupt) {
			break
		}
	}
	return img, raw, err
}

// Mention reports whether text is in the parameters of a record.
func (m *Mentions) Mention(text string) bool {
	for _, p := range m.params {
		if bytes.Contains(p, []byte(text)) {
			return true
		}
	}
	return false
}

// Unreadable is the run or key whose records cannot be read, so that they could mention anything.
func (m *Mentions) Unreadable() string { return m.corrupt }
