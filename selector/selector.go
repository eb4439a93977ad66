package selector

import "slices"

// Subject is a thing that may be chosen.
type Subject interface {
	// Identity is the thing's name and the source it is from.
	Identity() (source, name string)
	// Value is what holds for a key that the schema knows. "", "-" and "none" mean that nothing does.
	Value(key string) string
}

// Schema gives the kind of a key's values, or an error if there is no such key.
type Schema func(key string) (Kind, error)

// Selector chooses. The zero Selector chooses everything. It may be used from any goroutine.
type Selector struct {
	names, others []term
}

// Parse reads terms as they are given on a command line: each is one argument, and a blank in it is
// part of it. Without terms everything is chosen. An error is an *[Error].
func Parse(terms []string, schema Schema) (Selector, error) {
	var s Selector
	for _, text := range terms {
		t, err := parse(text, schema)
		if err != nil {
			return Selector{}, err
		}
		if t.key == "" && t.op == "=" {
			s.names = append(s.names, t)
		} else {
			s.others = append(s.others, t)
		}
	}
	return s, nil
}

// Match tells whether the thing is chosen.
func (s Selector) Match(t Subject) bool {
	named := len(s.names) == 0 || slices.ContainsFunc(s.names, func(n term) bool { return n.match(t) })
	return named && !slices.ContainsFunc(s.others, func(o term) bool { return !o.match(t) })
}

// Names lists the names that things must have to be chosen, in the order in which they were given and
// without repeating one. It reports false if others can be chosen too: there is a pattern, or no name.
func (s Selector) Names() (names []string, only bool) {
	only = len(s.names) > 0
	for _, t := range s.names {
		for _, c := range t.choices {
			switch {
			case !c.value.plain() || c.source != nil || c.shortened():
				only = false
			case !slices.Contains(names, c.value.text()):
				names = append(names, c.value.text())
			}
		}
	}
	return names, only
}

// Missing lists the names without a wildcard, excluded ones too, that none of all has: probably they
// are misspelt. A name that is there and that another term refuses is not missing.
func (s Selector) Missing(all []Subject) []string {
	var missing []string
	for _, t := range slices.Concat(s.names, s.others) {
		if !t.isName() {
			continue
		}
		for _, c := range t.choices {
			name := c.value.text()
			if c.source.plain() && c.source != nil {
				name = c.source.text() + "/" + name
			}
			if c.value.plain() && !slices.ContainsFunc(all, c.named) && !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
	}
	return missing
}
