package overlay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/storage"
)

// state is what storage.json says. Of a release only ID and Created are used.
type state struct {
	Version   int            `json:"version"`
	ID        string         `json:"id"`     // of the dataset
	Change    string         `json:"change"` // the last one's id: no two states are equal
	Name      storage.Name   `json:"name"`   // that it was made under
	Created   time.Time      `json:"created"`
	Origin    storage.Origin `json:"origin,omitzero"`
	Release   storage.Name   `json:"release,omitempty"`    // at the bottom; empty: the oldest layer is complete
	ReleaseID string         `json:"release_id,omitempty"` // what it must be
	UserXattr bool           `json:"userxattr,omitempty"`  // the layers' marks need no privilege
	Plain     bool           `json:"plain,omitempty"`      // Upper is a directory with everything, not a layer
	Upper     string         `json:"upper,omitempty"`      // the layer that is written
	Layers    []string       `json:"layers,omitempty"`     // below it, newest first
	Snapshots []snapshot     `json:"snapshots,omitempty"`  // oldest first
	Pins      []string       `json:"pins,omitempty"`       // layers in use only while this dataset is made
}

// snapshot names an earlier state. Of a layered jail it is the last Depth of Layers; of a plain one
// a complete copy, the layer Copy.
type snapshot struct {
	Name    storage.SnapshotName `json:"name"`
	Created time.Time            `json:"created"`
	Depth   int                  `json:"depth,omitempty"`
	Copy    string               `json:"copy,omitempty"`
}

const stateVersion = 1

func (s *state) encode() string {
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		panic(err) // strings and times of this century cannot fail
	}
	return string(text) + "\n"
}

// edit is a copy of s for the change id.
func (s *state) edit(change string) *state {
	c := *s
	c.Change = change
	c.Layers, c.Snapshots = slices.Clone(s.Layers), slices.Clone(s.Snapshots)
	return &c
}

// layers are all that s keeps alive.
func (s *state) layers() []string {
	all := slices.Concat(s.Layers, s.Pins)
	if s.Upper != "" {
		all = append(all, s.Upper)
	}
	for _, snap := range s.Snapshots {
		if snap.Copy != "" {
			all = append(all, snap.Copy)
		}
	}
	return all
}

func (s *state) snapshot(n storage.SnapshotName) int {
	return slices.IndexFunc(s.Snapshots, func(snap snapshot) bool { return snap.Name == n })
}

// decode reads a storage.json. What it names becomes part of paths, so it is checked.
func decode(text []byte) (*state, error) {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("version %d is not known", s.Version)
	}
	for _, id := range append(s.layers(), s.ID) {
		if !validID(id) {
			return nil, fmt.Errorf("%q is no id", id)
		}
	}
	if s.Release != "" {
		if err := s.Release.Validate(); err != nil {
			return nil, err
		}
	}
	depth := 0
	for _, snap := range s.Snapshots {
		if err := snap.Name.Validate(); err != nil {
			return nil, err
		}
		if snap.Depth < depth || snap.Depth > len(s.Layers) {
			return nil, fmt.Errorf("snapshot %s is %d of %d layers deep", snap.Name, snap.Depth, len(s.Layers))
		}
		depth = snap.Depth
	}
	return &s, nil
}

// read gives d's state and its text. If d is not there the error is NotFound; if its state cannot
// be read, Corrupt.
func (l layout) read(op string, d storage.Dataset) (*state, []byte, error) {
	if err := d.Validate(); err != nil {
		return nil, nil, err
	}
	s, text, err := readState(l.dir(d))
	switch {
	case err == nil:
		return s, text, nil
	case errors.Is(err, fs.ErrNotExist) && !exists(l.dir(d)):
		return nil, nil, storage.NotFound(op, d.Now())
	case errors.Is(err, fs.ErrPermission):
		return nil, nil, fault.New(op, fault.Denied, d.String(), err)
	default:
		return nil, nil, fault.New(op, fault.Corrupt, d.String(), err).
			WithRemedy("restore its " + stateFile + ", or destroy " + string(d.Name))
	}
}

func readState(dir string) (*state, []byte, error) {
	text, err := atomicfile.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, nil, err
	}
	s, err := decode(text)
	if err != nil {
		return nil, text, fmt.Errorf("%s: %w", stateFile, err)
	}
	return s, text, nil
}
