//go:build linux

package shell

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/text"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// value works out what an assignment makes of its variable.
func (s *Shell) value(as *syntax.Assign, assoc, nameref, local bool) (expand.Variable, bool) {
	name := as.Name.Value
	old := s.lookup(name)
	if local {
		if own, ok := s.vars.vars[name]; !ok || s.vars.kind != scopeLocal {
			old = expand.Variable{}
		} else {
			old = own
		}
	}
	if as.Array != nil {
		return s.array(as, old, assoc)
	}
	word, ok := s.literal(as.Value)
	if !ok {
		return old, false
	}
	if nameref {
		return expand.Variable{Set: true, Kind: expand.NameRef, Str: word}, true
	}
	if as.Index != nil {
		return s.element(as, old, word)
	}
	if as.Append {
		switch old.Kind {
		case expand.Indexed:
			old.List = append(slices.Clone(old.List), word)
			if old.Indexes != nil {
				old.Indexes = append(slices.Clone(old.Indexes), old.Indexes[len(old.Indexes)-1]+1)
			}
			return old, true
		case expand.String:
			word = old.Str + word
		}
	}
	v := stringVar(word)
	return v, true
}

// element assigns to a[i].
func (s *Shell) element(as *syntax.Assign, old expand.Variable, word string) (expand.Variable, bool) {
	v := old
	v.Set = true
	if old.Kind == expand.Associative {
		w, isWord := as.Index.(*syntax.Word)
		if !isWord {
			s.errorf("%s: bad index", as.Name.Value)
			s.status = 1
			return v, false
		}
		key, ok := s.literal(w)
		if !ok {
			return v, false
		}
		v.Map = maps.Clone(old.Map)
		if v.Map == nil {
			v.Map = map[string]string{}
		}
		if as.Append {
			word = v.Map[key] + word
		}
		v.Map[key] = word
		return v, true
	}
	i, ok := s.arithmetic(as.Index)
	if !ok {
		return v, false
	}
	elems := elements(old)
	if i < 0 {
		top := 0
		for k := range elems {
			top = max(top, k+1)
		}
		if i += top; i < 0 {
			s.errorf("%s: bad index", as.Name.Value)
			s.status = 1
			return v, false
		}
	}
	if as.Append {
		word = elems[i] + word
	}
	elems[i] = word
	return indexed(old, elems), true
}

// elements are the elements of an indexed array by their index; a string is element 0.
func elements(v expand.Variable) map[int]string {
	m := map[int]string{}
	switch v.Kind {
	case expand.String:
		if v.IsSet() {
			m[0] = v.Str
		}
	case expand.Indexed:
		for i, e := range v.List {
			if v.Indexes != nil {
				i = v.Indexes[i]
			}
			m[i] = e
		}
	}
	return m
}

func indexed(old expand.Variable, elems map[int]string) expand.Variable {
	v := old
	v.Set, v.Kind, v.Str = true, expand.Indexed, ""
	v.List, v.Indexes = make([]string, 0, len(elems)), nil
	keys := slices.Sorted(maps.Keys(elems))
	for _, k := range keys {
		v.List = append(v.List, elems[k])
	}
	if n := len(keys); n > 0 && keys[n-1] != n-1 {
		v.Indexes = keys
	}
	return v
}

// array works out name=( ... ).
func (s *Shell) array(as *syntax.Assign, old expand.Variable, assoc bool) (expand.Variable, bool) {
	if assoc || old.Kind == expand.Associative {
		v := expand.Variable{Set: true, Kind: expand.Associative, Map: map[string]string{}}
		if as.Append {
			maps.Copy(v.Map, old.Map)
		}
		for _, e := range as.Array.Elems {
			w, isWord := e.Index.(*syntax.Word)
			if !isWord {
				s.errorf("%s: an index is missing", as.Name.Value)
				s.status = 1
				return v, false
			}
			key, ok := s.literal(w)
			if !ok {
				return v, false
			}
			if v.Map[key], ok = s.literal(e.Value); !ok {
				return v, false
			}
		}
		return v, true
	}
	elems := map[int]string{}
	next := 0
	if as.Append {
		elems = elements(old)
		for k := range elems {
			next = max(next, k+1)
		}
	}
	for _, e := range as.Array.Elems {
		if e.Index != nil {
			i, ok := s.arithmetic(e.Index)
			if !ok {
				return old, false
			}
			if elems[i], ok = s.literal(e.Value); !ok {
				return old, false
			}
			next = i + 1
			continue
		}
		words, ok := s.fields([]*syntax.Word{e.Value})
		if !ok {
			return old, false
		}
		for _, w := range words {
			elems[next] = w
			next++
		}
	}
	return indexed(expand.Variable{}, elems), true
}

// assignment performs a=b without a command. It returns false if that failed.
func (s *Shell) assignment(as *syntax.Assign) bool {
	v, ok := s.value(as, false, false, false)
	if !ok {
		return false
	}
	name := as.Name.Value
	if old := s.lookup(name); old.Kind == expand.NameRef && old.IsSet() {
		name, _ = old.Resolve(environ{s})
	} else if old.Kind == expand.Indexed && v.Kind == expand.String {
		elems := elements(old)
		elems[0] = v.Str
		v = indexed(old, elems)
	}
	if err := s.assign(name, v); err != nil {
		s.errorf("%s", err)
		s.status = 1
		if !s.interactive {
			s.flow.kind = flowExit // as POSIX wants it
		}
		return false
	}
	return true
}

// declarationText writes a variable as declare -p does.
func declarationText(name string, v expand.Variable) string {
	flags := v.Flags()
	if flags == "" {
		flags = "-"
	}
	head := "declare -" + strings.TrimPrefix(flags, "-") + " " + name
	if flags == "-" {
		head = "declare -- " + name
	}
	switch v.Kind {
	case expand.Indexed:
		elems := elements(v)
		var words []string
		for _, k := range slices.Sorted(maps.Keys(elems)) {
			words = append(words, "["+strconv.Itoa(k)+"]="+text.Quote(elems[k]))
		}
		return head + "=(" + strings.Join(words, " ") + ")"
	case expand.Associative:
		var words []string
		for _, k := range slices.Sorted(maps.Keys(v.Map)) {
			words = append(words, "["+text.Quote(k)+"]="+text.Quote(v.Map[k]))
		}
		return head + "=(" + strings.Join(words, " ") + ")"
	}
	if !v.IsSet() {
		return head
	}
	return head + "=" + text.Quote(v.Str)
}

// functionText writes a function as it could be read again.
func functionText(name string, body *syntax.Stmt) string {
	var b bytes.Buffer
	syntax.NewPrinter().Print(&b, body)
	return name + "() " + b.String()
}

// printDeclared lists what export, readonly or declare without names lists.
func (s *Shell) printDeclared(d *declaration) {
	if d.functions {
		for _, name := range slices.Sorted(maps.Keys(s.funcs)) {
			s.write(1, functionText(name, s.funcs[name])+"\n")
		}
		return
	}
	vars := map[string]expand.Variable{}
	environ{s}.Each(func(name string, v expand.Variable) bool {
		if (!d.attr.Exported || v.Exported) && (!d.attr.ReadOnly || v.ReadOnly) && (!d.assoc || v.Kind == expand.Associative) && (!d.indexed || v.Kind == expand.Indexed) {
			vars[name] = v
		}
		return true
	})
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		line := declarationText(name, vars[name])
		if (d.kind == "export" || d.kind == "readonly") && vars[name].Kind == expand.String {
			_, rest, _ := strings.Cut(line, " -")
			_, rest, _ = strings.Cut(rest, " ")
			line = d.kind + " " + rest
		}
		if !s.write(1, line+"\n") {
			return
		}
	}
}
