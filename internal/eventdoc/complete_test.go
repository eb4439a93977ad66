package eventdoc

import (
	"go/ast"
	"log/slog"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
)

// place is a payload's package and type, as payloads has them.
func place(p events.Payload) string {
	t := reflect.TypeOf(p)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	pkg := strings.TrimPrefix(strings.TrimPrefix(t.PkgPath(), "github.com/libioc/ioc"), "/")
	if pkg == "" {
		pkg = "."
	}
	return pkg + "." + t.Name()
}

// TestCatalogue wants every type that has an EventType in the catalogue.
func TestCatalogue(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("left out: the catalogue has only this system's types, the sources have all")
	}
	listed := map[string]events.Payload{}
	for _, p := range slices.Concat(catalogue(), system()) {
		if listed[place(p)] != nil {
			t.Errorf("%s is listed twice", place(p))
		}
		listed[place(p)] = p
	}
	for _, p := range payloads(t) {
		name := p.pkg + "." + p.name
		got := listed[name]
		switch {
		case !ast.IsExported(p.name):
			t.Errorf("%s has an EventType and is not exported: consumers cannot ask for it", name)
		case got == nil:
			t.Errorf("%s is missing: add &%s{} to catalogue_test.go, then make gen", name, strings.TrimPrefix(name, "internal/"))
		case got.EventType() != p.typ:
			t.Errorf("%s: EventType is %q, and the source says %q", name, got.EventType(), p.typ)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("%s is listed, and the sources do not have it", name)
	}
}

// TestExplained wants a meaning for every type and every attribute, and form: a noun and a verb.
func TestExplained(t *testing.T) {
	for _, p := range payloads(t) {
		if p.doc == "" {
			t.Errorf("%s.%s has no comment", p.pkg, p.name)
		}
		if !strings.Contains(p.typ, ".") || p.typ != strings.ToLower(p.typ) {
			t.Errorf("%s.%s: the type %q is not noun.verb", p.pkg, p.name, p.typ)
		}
		for _, a := range p.attrs {
			if a.meaning == "" || a.kind == "" {
				t.Errorf("%s.%s: nothing says what the attribute %q is: comment the field that it is made of, or the line in AppendAttrs",
					p.pkg, p.name, a.name)
			}
		}
	}
}

// TestAttributes holds what was read in the sources against what payloads say.
func TestAttributes(t *testing.T) {
	read := map[string]payload{}
	for _, p := range payloads(t) {
		read[p.pkg+"."+p.name] = p
	}
	for _, p := range slices.Concat(catalogue(), system()) {
		a, ok := p.(events.Attrs)
		if !ok {
			continue
		}
		for _, said := range attributesOf(a) {
			known := read[place(p)].attrs
			if !slices.ContainsFunc(known, func(a attr) bool { return a.name == said.Key }) {
				t.Errorf("%s says %q, which was not found in its source", place(p), said.Key)
			}
		}
	}
}

// attributesOf are those of a payload without content, which some cannot give.
func attributesOf(a events.Attrs) (attrs []slog.Attr) {
	defer func() { _ = recover() }()
	return a.AppendAttrs(nil)
}
