// Package apply reads the file that says which jails a host is to have: YAML, strictly, with the place of whatever is
// wrong, and the JSON Schema by which editors complete it. It owns the file's form and refuses to know hosts: what is
// to be done so that a host matches a file is planned in package jail.
//
//	jails:
//	  db:
//	    release: mydebian
//	    memoryuse: 1G
//	    ready: tcp:5432
//	  web:
//	    clone: golden
//	    depends: db
//	    boot: yes
package apply

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/nearest"
)

// State is what a jail is to be in.
type State string

// The states.
const (
	Running State = "running"
	Stopped State = "stopped"
	Any     State = "any" // it is left as it is
)

func states() []string { return []string{string(Running), string(Stopped), string(Any)} }

// Jail is what the file says of a jail.
type Jail struct {
	Name       string
	Release    string // what it is made from; empty: the default release, or Clone
	Clone      string // the jail that it is made from
	State      State
	Properties map[string]string // all that is configured
	Fstab      *string           // nil: it is left as it is
}

// File is what a file says.
type File struct{ Jails []Jail }

// Parse reads the text of the file called name. All that is wrong is in the error, each with line and column.
func Parse(name string, text []byte) (*File, error) {
	p := parser{name: name}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fault.New("", fault.Invalid, name, errors.New(strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	f := &File{}
	if root.Kind == 0 { // nothing but comments
		return f, nil
	}
	for key, value := range p.entries(root.Content[0], "the file") {
		if key.Value != "jails" {
			p.unknown(key, []string{"jails"})
			continue
		}
		for name, about := range p.entries(value, "jails") {
			f.Jails = append(f.Jails, p.jail(name, about))
		}
	}
	if err := errors.Join(p.wrong...); err != nil {
		return nil, err
	}
	return f, nil
}

type parser struct {
	name  string
	wrong []error
}

// fail notes what is wrong at a place.
func (p *parser) fail(at *yaml.Node, remedy, format string, a ...any) {
	err := fault.New("", fault.Invalid, fmt.Sprintf("%s:%d:%d", p.name, at.Line, at.Column), fmt.Errorf(format, a...))
	if remedy != "" {
		err = err.WithRemedy(remedy)
	}
	p.wrong = append(p.wrong, err)
}

func (p *parser) unknown(key *yaml.Node, known []string) {
	remedy := ""
	if near := nearest.Word(key.Value, known); near != "" {
		remedy = "did you mean " + near + "?"
	}
	p.fail(key, remedy, "there is no %q here", key.Value)
}

// entries gives the keys and values of a mapping. Nothing has none; a key that comes twice is wrong.
func (p *parser) entries(n *yaml.Node, what string) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		n := resolved(n)
		if n.Tag == "!!null" {
			return
		}
		if n.Kind != yaml.MappingNode {
			p.fail(n, "", "%s has to be a mapping: names, each with a colon", what)
			return
		}
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch line, twice := seen[key.Value]; {
			case key.Kind != yaml.ScalarNode:
				p.fail(key, "", "a name has to be a word")
				continue
			case key.Tag == "!!merge":
				p.fail(key, "", "mappings are not merged")
				continue
			case twice:
				p.fail(key, "", "%q is there already, in line %d", key.Value, line)
				continue
			}
			seen[key.Value] = key.Line
			if !yield(key, resolved(value)) {
				return
			}
		}
	}
}

// resolved is what an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (p *parser) jail(name, about *yaml.Node) Jail {
	j := Jail{Name: name.Value, Properties: map[string]string{}}
	for key, value := range p.entries(about, name.Value) {
		switch key.Value {
		case "release":
			j.Release = p.scalar(value)
		case "clone":
			j.Clone = p.scalar(value)
		case "state":
			if j.State = State(p.scalar(value)); !slices.Contains(states(), string(j.State)) {
				p.fail(value, "", "state is one of %s", strings.Join(states(), ", "))
			}
		case "fstab":
			text := p.lines(value)
			j.Fstab = &text
		default:
			p.property(&j, key, value)
		}
	}
	if j.Release != "" && j.Clone != "" {
		p.fail(name, "", "%s is made from a release or is a clone, not both", name.Value)
	}
	if j.State == "" {
		j.State = Running
		if j.Properties["template"] == "yes" {
			j.State = Stopped
		}
	}
	return j
}

func (p *parser) property(j *Jail, key, value *yaml.Node) {
	known, err := config.Find(key.Value)
	if err != nil {
		names := []string{"release", "clone", "state", "fstab"}
		for _, known := range config.Known() {
			names = append(names, known.Name)
		}
		if errors.Is(err, config.ErrUnknown) {
			p.unknown(key, names)
		} else {
			p.fail(key, "", "%w", err)
		}
		return
	}
	text := ""
	if value.Kind == yaml.SequenceNode && isList(known) {
		between := ","
		if known.Name == "depends" { // selectors
			between = " "
		}
		words := make([]string, 0, len(value.Content))
		for _, item := range value.Content {
			words = append(words, p.scalar(resolved(item)))
		}
		text = strings.Join(words, between)
	} else {
		text = p.scalar(value)
	}
	canonical, err := known.Type.Canonical(text)
	if err != nil {
		p.fail(value, "", "%s: %w", key.Value, err)
		return
	}
	if canonical != config.None {
		j.Properties[known.Name] = canonical
	}
}

// scalar is a word as it is written; null is nothing.
func (p *parser) scalar(n *yaml.Node) string {
	switch {
	case n.Kind != yaml.ScalarNode:
		p.fail(n, "", "there has to be one value")
		return ""
	case n.Tag == "!!null":
		return ""
	}
	return n.Value
}

// lines are the lines of a list, or of a text.
func (p *parser) lines(n *yaml.Node) string {
	var b strings.Builder
	if n.Kind != yaml.SequenceNode {
		if text := p.scalar(n); text != "" {
			b.WriteString(strings.TrimRight(text, "\n") + "\n")
		}
		return b.String()
	}
	for _, item := range n.Content {
		b.WriteString(p.scalar(resolved(item)) + "\n")
	}
	return b.String()
}
