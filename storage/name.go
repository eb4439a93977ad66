package storage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/libioc/ioc/fault"
)

// Name is the name of a jail or a release: a letter or a digit, then letters, digits, ".", "_" and
// "-", at most 64. It is a valid name of a file and of a ZFS dataset.
type Name string

// SnapshotName is the name of a snapshot: as a Name, and ":" and "+" may follow the first character.
type SnapshotName string

const nameMax = 64

// Validate returns an Invalid error that says what is wrong with the name.
func (n Name) Validate() error { return validName("name", string(n), "._-") }

// Validate returns an Invalid error that says what is wrong with the name.
func (n SnapshotName) Validate() error { return validName("snapshot name", string(n), "._-:+") }

func validName(what, s, also string) error {
	bad := func(format string, a ...any) error {
		return fault.New(what, fault.Invalid, fmt.Sprintf("%q", s), fmt.Errorf(format, a...))
	}
	switch {
	case s == "":
		return bad("it is empty")
	case len(s) > nameMax:
		return bad("it has %d characters, %d are allowed", len(s), nameMax)
	}
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i == 0:
			return bad("it must begin with a letter or a digit")
		case !strings.ContainsRune(also, rune(c)):
			return bad("character %q is not allowed", c)
		}
	}
	return nil
}

// Kind tells datasets apart by what they hold. The zero Kind is none.
type Kind uint8

// The kinds.
const (
	Releases Kind = 1 + iota // base systems: never changed once they are there
	Jails
	globals // that of Global
)

// String is the kind's directory: "releases", "jails".
func (k Kind) String() string {
	switch k {
	case Releases:
		return "releases"
	case Jails:
		return "jails"
	case globals:
		return "global"
	default:
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
}

// Dataset identifies a dataset within a root. The zero Dataset is none. Its text is "jails/web".
type Dataset struct {
	Kind Kind
	Name Name
}

// Jail is the dataset of the jail called n.
func Jail(n Name) Dataset { return Dataset{Jails, n} }

// Release is the dataset of the release called n.
func Release(n Name) Dataset { return Dataset{Releases, n} }

// Global is what belongs to no jail and no release. It has small files, which [CheckFile] allows, and
// nothing else can be done with it. Its text is "global".
func Global() Dataset { return Dataset{Kind: globals} }

// Now is d's present state as an origin.
func (d Dataset) Now() Origin { return Origin{Dataset: d} }

// At is d's snapshot n as an origin.
func (d Dataset) At(n SnapshotName) Origin { return Origin{Dataset: d, Snapshot: n} }

// Validate checks kind and name. Global is refused: it is no dataset that can be cloned or destroyed.
func (d Dataset) Validate() error {
	if d.Kind != Releases && d.Kind != Jails {
		return fault.New("dataset", fault.Invalid, string(d.Name), fmt.Errorf("unknown kind %d", d.Kind))
	}
	return d.Name.Validate()
}

func (d Dataset) String() string {
	switch d {
	case Dataset{}:
		return ""
	case Global():
		return d.Kind.String()
	}
	return d.Kind.String() + "/" + string(d.Name)
}

// MarshalText gives "jails/web", and nothing for the zero Dataset.
func (d Dataset) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Dataset) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Dataset{}
		return nil
	}
	if string(text) == Global().String() {
		*d = Global()
		return nil
	}
	kind, name, _ := strings.Cut(string(text), "/")
	got := Dataset{Name: Name(name)}
	switch kind {
	case "releases":
		got.Kind = Releases
	case "jails":
		got.Kind = Jails
	default:
		return fault.New("dataset", fault.Invalid, string(text), fmt.Errorf("want releases/NAME or jails/NAME"))
	}
	if err := got.Validate(); err != nil {
		return err
	}
	*d = got
	return nil
}

// Origin is a state of a dataset: a snapshot's, or, without a snapshot, the present one. Its text
// is "jails/web@before" or "jails/web".
type Origin struct {
	Dataset  Dataset
	Snapshot SnapshotName
}

// Validate checks the dataset and the snapshot's name if there is one.
func (o Origin) Validate() error {
	if err := o.Dataset.Validate(); err != nil {
		return err
	}
	if o.Snapshot == "" {
		return nil
	}
	return o.Snapshot.Validate()
}

func (o Origin) String() string {
	if o.Snapshot == "" {
		return o.Dataset.String()
	}
	return o.Dataset.String() + "@" + string(o.Snapshot)
}

// MarshalText gives "jails/web@before", and nothing for the zero Origin.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Origin) UnmarshalText(text []byte) error {
	dataset, snapshot, has := strings.Cut(string(text), "@")
	var got Origin
	if err := got.Dataset.UnmarshalText([]byte(dataset)); err != nil {
		return err
	}
	if got.Snapshot = SnapshotName(snapshot); has {
		if dataset == "" {
			return fault.New("origin", fault.Invalid, string(text), errors.New("a snapshot of nothing"))
		}
		if err := got.Snapshot.Validate(); err != nil {
			return err
		}
	}
	*o = got
	return nil
}
