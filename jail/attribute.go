package jail

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/nearest"
	"github.com/libioc/ioc/selector"
)

// Source is what the only root is called where roots have names.
const Source = "ioc"

// Attribute is something that is known of a jail and not configured.
type Attribute struct {
	Name string
	Kind selector.Kind
	Help string // as a phrase
	of   func(i *Info) string
}

// Attributes lists them in the order of their names. None has the name of a property.
func Attributes() []Attribute {
	return []Attribute{
		{"broken", selector.Bool, "the jail cannot be used as it is", func(i *Info) string { return yes(i.State == Broken) }},
		{"created", selector.Date, "when the jail was made", func(i *Info) string { return date(i.Created) }},
		{"dir", selector.Text, "where its config.json and fstab are", func(i *Info) string { return i.Dir }},
		{"name", selector.Text, "the jail's name", func(i *Info) string { return string(i.Name) }},
		{"origin", selector.Text, "what the jail was made from", func(i *Info) string { return i.Origin.String() }},
		{"pid", selector.Integer, "its first process, while it runs", func(i *Info) string { return number(i.Sandbox.PID) }},
		{"reason", selector.Text, "why it is dead or broken", func(i *Info) string { return i.Reason }},
		{"running", selector.Bool, "its processes run", func(i *Info) string { return yes(i.alive) }},
		{"source", selector.Text, "the root it is in", func(*Info) string { return Source }},
		{"started", selector.Date, "since when it runs", func(i *Info) string { return date(i.Started) }},
		{"state", selector.Text, "stopped, running, stopping, dead or broken", func(i *Info) string { return string(i.State) }},
	}
}

// Kind gives the kind of a property's or an attribute's values, as selectors compare them. It is a
// selector.Schema: a name that there is none of is fault.Invalid, with the nearest one. What has no effect here can still be configured.
func Kind(name string) (selector.Kind, error) {
	var names []string
	for _, a := range Attributes() {
		if a.Name == name {
			return a.Kind, nil
		}
		names = append(names, a.Name)
	}
	switch name {
	case "id", "uuid":
		return selector.Text, nil
	case "tag":
		return selector.List, nil
	}
	if strings.HasPrefix(name, "user.") {
		return selector.Free, nil
	}
	p, err := config.Find(name)
	if err == nil {
		return kindOf(p.Type), nil
	}
	if errors.Is(err, fault.NotSupported) {
		return selector.Text, nil
	}
	for _, p := range config.Properties() {
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
func (i *Info) Identity() (source, name string) { return Source, string(i.Name) }

// Value is what holds for a property or an attribute, "" if nothing does.
func (i *Info) Value(name string) string {
	for _, a := range Attributes() {
		if a.Name == name {
			return a.of(i)
		}
	}
	switch name {
	case "id", "uuid":
		return string(i.Name)
	case "tag":
		name = "tags"
	}
	if p, err := config.Find(name); err == nil {
		return config.Effective(i.Config, p)
	}
	if v, _ := i.Config.Get(name); !config.Unset(v) {
		return v
	}
	return ""
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
