package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// Name is the name of a release.
type Name = storage.Name

// Info is what is known of a release that is there; release.json keeps it.
type Info struct {
	Version int       `json:"version"` // of this format
	Name    Name      `json:"-"`       // the dataset's: it may be renamed
	Source  string    `json:"source"`  // where it came from, for people
	Digest  string    `json:"digest"`  // of what was read: "sha256:...", or what the source says of itself
	Created time.Time `json:"created"` // when it was imported, in UTC
	Title   string    `json:"title,omitempty"`
	Arch    string    `json:"arch,omitempty"` // as Go names it; empty: no program was recognised
	Bytes   int64     `json:"bytes"`          // of all files
	Files   int64     `json:"files"`          // and directories, links ...
	Left    int64     `json:"left,omitempty"` // device nodes that were left out
	Mapped  bool      `json:"mapped,omitempty"`
	Image   *Image    `json:"image,omitempty"`
	Broken  error     `json:"-"` // why it cannot be used
}

const (
	infoFile    = "release.json"
	infoVersion = 1
)

// Stat tells what is known of a release. Without a release.json, or with one of a newer version, it is
// used all the same: what it holds is in its files.
func Stat(ctx context.Context, d storage.Driver, n Name) (Info, error) {
	set, err := d.Stat(ctx, storage.Release(n))
	if err != nil {
		return Info{}, err
	}
	return read(ctx, d, set)
}

// List tells it of all releases, in the order of their names. Broken ones are among them.
func List(ctx context.Context, d storage.Driver) ([]Info, error) {
	sets, err := d.List(ctx, storage.Releases)
	if err != nil {
		return nil, err
	}
	all := make([]Info, 0, len(sets))
	for _, set := range sets {
		i, err := read(ctx, d, set)
		if errors.Is(err, fault.NotFound) {
			continue // destroyed meanwhile
		}
		if err != nil {
			i.Broken = errors.Join(i.Broken, err)
		}
		all = append(all, i)
	}
	return all, nil
}

func read(ctx context.Context, d storage.Driver, set storage.Info) (Info, error) {
	i := Info{Name: set.Dataset.Name, Created: set.Created, Broken: set.Broken}
	if set.Broken != nil {
		return i, nil
	}
	text, err := d.ReadFile(ctx, set.Dataset, infoFile)
	if err != nil {
		if errors.Is(err, fault.NotFound) {
			_, err = d.Stat(ctx, set.Dataset)
		}
		return i, err
	}
	got := i
	if err := json.Unmarshal(text, &got); err != nil {
		i.Broken = fault.New("release", fault.Corrupt, string(i.Name), fmt.Errorf("%s: %w", infoFile, err))
		return i, nil
	}
	return got, nil
}

func (i *Info) encode() []byte {
	text, err := json.MarshalIndent(i, "", "\t")
	if err != nil {
		panic(err) // strings, numbers and a time of this century cannot fail
	}
	return append(text, '\n')
}
