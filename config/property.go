package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/nearest"
)

// None is how an unset value is written down.
const None = "none"

// Property is what is known of a key.
type Property struct {
	Name    string
	Type    Type
	Default string // holds where nothing is set; None: nothing does
	When    When
	Unit    string // of a number; empty: none, or the type says it
	Needs   string // the feature of the sandbox, or the storage, without which it has no effect; empty: none
	Help    string // what it does, as a phrase

	Topic          string  // what it is about, as a heading
	Linux, FreeBSD Support // whether it has an effect there
	Lack           string  // why not where it has none, as a phrase; empty if it has one everywhere
}

// Support says whether a property has an effect on a system.
type Support uint8

// The ways of support.
const (
	Never Support = iota // the system has nothing like it
	Later                // ioc does not do it yet
	Works
)

// String reads "never", "not yet" or "yes".
func (s Support) String() string { return [...]string{"never", "not yet", "yes"}[s] }

// When says when a change of a property takes effect.
type When uint8

// The times.
const (
	AtOnce     When = iota // the next time somebody looks
	AtStart                // the next time the jail is started
	AtCreation             // it cannot be changed
)

// String reads "at once", "at start" or "at creation".
func (w When) String() string {
	switch w {
	case AtStart:
		return "at start"
	case AtCreation:
		return "at creation"
	default:
		return "at once"
	}
}

// userPrefix begins the names that are the user's own.
const userPrefix = "user."

// table is made when it is first asked for, which many commands do not, and never changes.
var table = sync.OnceValue(func() map[string]Property { //nolint:gochecknoglobals // a constant
	all := map[string]Property{}
	for _, topic := range [][]Property{jails(), networks(), limits(), hooks(), files(), hosts(), parameters()} {
		for _, p := range topic {
			all[p.Name] = p
		}
	}
	return all
})

// Known lists the properties that ioc or libioc knows, in the order of their names. Names below user.
// are free.
func Known() []Property {
	return slices.SortedFunc(maps.Values(table()), func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
}

// Properties lists those that have an effect, in the order of their names.
func Properties() []Property {
	return slices.DeleteFunc(Known(), func(p Property) bool { return !p.Works() })
}

// Works reports whether there is a system on which p has an effect today. That is Linux or none: what
// FreeBSD can do is not asked before ioc runs there.
func (p Property) Works() bool { return p.Linux == Works }

// Lookup gives the property called name, whether it has an effect or not.
func Lookup(name string) (Property, bool) {
	if p, ok := table()[name]; ok {
		return p, true
	}
	if rest, ok := strings.CutPrefix(name, userPrefix); ok && validKey(rest) == nil {
		return Property{
			Name: name, Type: Text, Default: None, Help: "the user's own", Topic: topicJail, Linux: Works, FreeBSD: Later,
		}, true
	}
	if p, ok := zfsProperty(name); ok {
		return p, true
	}
	for _, p := range PerInterface() {
		if nic, ok := strings.CutSuffix(name, p.Name); ok && validKey(nic) == nil && !strings.Contains(nic, ".") {
			p.Name, p.Help = name, fmt.Sprintf(p.Help, nic)
			return p, true
		}
	}
	return Property{}, false
}

// identity lists libioc's names that are the jail's name, which is its dataset's and not configured.
func identity() []string { return []string{"id", "name", "uuid"} }

// Find gives the property called name. A name that ioc knows but cannot give an effect to is
// fault.NotSupported, and the error says why; any other is fault.Invalid and the error suggests the nearest name.
func Find(name string) (Property, error) {
	if p, ok := Lookup(name); ok {
		return p, errors.Join(p.refuse(), p.refuseZFS())
	}
	if rest, ok := strings.CutPrefix(name, userPrefix); ok {
		return Property{}, fault.New("property", fault.Invalid, name, validKey(rest))
	}
	if slices.Contains(identity(), name) {
		return Property{}, fault.New("property", fault.Invalid, name, errors.New("it is the jail's name")).
			WithRemedy("rename the jail")
	}
	err := fault.New("property", fault.Invalid, name, ErrUnknown)
	if near := Nearest(name); near != "" {
		return Property{}, err.WithRemedy("did you mean " + near + "?")
	}
	return Property{}, err
}

// ErrUnknown is why a name that nobody knows is refused.
var ErrUnknown = errors.New("there is none of that name")

// Nearest is the property that was probably meant by a misspelt name, "" if none is near. One that has
// an effect comes first.
func Nearest(name string) string {
	if near := nearest.Word(name, names(Properties())); near != "" {
		return near
	}
	return nearest.Word(name, names(Known()))
}

// refuse is the error of a property without an effect.
func (p Property) refuse() error {
	switch p.Linux {
	case Works:
		return nil
	case Later:
		return fault.New("property", fault.NotSupported, p.Name, errors.New("not yet: "+p.Lack))
	default:
		return fault.New("property", fault.NotSupported, p.Name, errors.New("it has no effect here: "+p.Lack))
	}
}

func names(all []Property) []string {
	var list []string
	for _, p := range all {
		list = append(list, p.Name)
	}
	return list
}

// validKey checks the part of a name after its prefix.
func validKey(key string) error {
	for part := range strings.SplitSeq(key, ".") {
		if part == "" {
			return errors.New("a part of the name is empty")
		}
		for _, c := range part {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
			default:
				return fmt.Errorf("character %q is not allowed", c)
			}
		}
	}
	return nil
}

// From says where a value comes from.
type From uint8

// The places, in the order in which they are looked at.
const (
	Own     From = iota // the jail's config.json
	Default             // the host's defaults.json
	BuiltIn             // the table
)

// String reads "own", "default" or "built-in".
func (f From) String() string { return [...]string{"own", "default", "built-in"}[f] }

// Resolve gives what holds for p, "" for nothing, and who says so: the jail's own configuration, else the
// host's defaults, else the table. Both may be nil.
func Resolve(p Property, own, defaults *Data) (string, From) {
	for from, d := range []*Data{own, defaults} {
		if v, ok := d.Get(p.Name); ok && !Unset(v) {
			return v, From(from)
		}
	}
	if Unset(p.Default) {
		return "", BuiltIn
	}
	return p.Default, BuiltIn
}

// Unset reports whether v means that nothing is set.
func Unset(v string) bool { return v == "" || v == "-" || v == None }
