package jail

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/nearest"
	"github.com/libioc/ioc/selector"
)

// Source is what a root is called that was given no name.
const Source = "ioc"

// Attribute is something that is known of a jail and not configured.
type Attribute struct {
	Name string
	Kind selector.Kind
	Help string // as a phrase
}

// Attributes lists them in the order of their names. None has the name of a property.
func Attributes() []Attribute {
	return []Attribute{
		{"address", selector.List, "the addresses of its network, while it runs"},
		{"broken", selector.Bool, "the jail cannot be used as it is"},
		{"created", selector.Date, "when the jail was made"},
		{"dir", selector.Text, "where its config.json and fstab are"},
		{"health_state", selector.Text, "starting, healthy, unhealthy or unchecked, while it runs and has a check"},
		{"name", selector.Text, "the jail's name"},
		{"origin", selector.Text, "what the jail was made from"},
		{"pid", selector.Integer, "its first process, while it runs"},
		{"reason", selector.Text, "why it is dead or broken, or what is wrong with it"},
		{"running", selector.Bool, "its processes run"},
		{"source", selector.Text, "the root it is in"},
		{"started", selector.Date, "since when it runs"},
		{"state", selector.Text, "stopped, running, stopping, dead or broken"},
	}
}

// IsAttribute tells the names of what is known of a jail from those of properties.
func IsAttribute(name string) bool {
	_, ok := new(Info).attribute(name)
	return ok
}

func (i *Info) attribute(name string) (value string, ok bool) {
	switch name {
	case "address":
		return bareAddresses(i.Addresses), true
	case "broken":
		return yes(i.State == Broken), true
	case "created":
		return date(i.Created), true
	case "dir":
		return i.Dir, true
	case "health_state":
		return string(i.Health), true
	case "name", "id", "uuid": // libioc's three names of one thing
		return string(i.Name), true
	case "origin":
		return i.Origin.String(), true
	case "pid":
		return number(i.Sandbox.PID), true
	case "reason":
		return i.Reason, true
	case "running":
		return yes(i.alive), true
	case "source":
		return cmp.Or(i.source, Source), true
	case "started":
		return date(i.Started), true
	case "state":
		return string(i.State), true
	}
	return "", false
}

// Kind gives the kind of a property's or an attribute's values, as selectors compare them. It is a
// selector.Schema. A name that there is none of is fault.Invalid, with the nearest one; what has no
// effect here can be configured all the same, and has a kind.
func Kind(name string) (selector.Kind, error) {
	var names []string
	for _, a := range Attributes() {
		if a.Name == name {
			return a.Kind, nil
		}
		names = append(names, a.Name)
	}
	switch {
	case name == "id" || name == "uuid":
		return selector.Text, nil
	case name == "tag":
		return selector.List, nil
	case strings.HasPrefix(name, "user."):
		return selector.Free, nil
	}
	if p, ok := config.Lookup(name); ok {
		return kindOf(p.Type), nil
	}
	_, err := config.Find(name)
	for _, p := range config.Known() {
		names = append(names, p.Name)
	}
	if near := nearest.Word(name, names); near != "" {
		return 0, fault.New("", fault.Invalid, "", err).WithRemedy("did you mean " + near + "?")
	}
	return 0, err
}

// kindOf says how values of a type are compared.
func kindOf(t config.Type) selector.Kind {
	switch t {
	case config.Bool:
		return selector.Bool
	case config.Int, config.Count:
		return selector.Integer
	case config.Seconds:
		return selector.Seconds
	case config.Size:
		return selector.Size
	case config.List:
		return selector.List
	default:
		return selector.Text
	}
}

// Identity is the jail's source and name: with Value it makes Info a selector.Subject.
func (i *Info) Identity() (source, name string) {
	return cmp.Or(i.source, Source), string(i.Name)
}

// Value is what holds for a property or an attribute, "" if nothing does.
func (i *Info) Value(name string) string {
	if v, ok := i.attribute(name); ok {
		return v
	}
	v, _ := i.Property(name)
	return v
}

// Property is what holds for a property, "" if nothing does, and who says so. What has no effect here
// has only what is configured.
func (i *Info) Property(name string) (string, config.From) {
	if name == "tag" {
		name = "tags"
	}
	p, ok := config.Lookup(name)
	if !ok || !p.Works() {
		p = config.Property{Name: name}
	}
	return config.Resolve(p, i.Config, i.Default)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// date is a time as people and selectors read it, in UTC.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
