package eventdoc

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const top = "../.."

// payload is a type with an EventType, as its source has it.
type payload struct {
	pkg    string // directory below the top
	name   string // of the Go type
	typ    string // what EventType gives
	doc    string
	key    string // what EventKey gives; empty: it has none
	effect bool   // it has an Undo
	attrs  []attr
}

// attr is a member of an event's data.
type attr struct {
	name, kind, meaning string
	sometimes           bool
}

// source is a package that was parsed.
type source struct {
	dir     string
	fset    *token.FileSet
	types   map[string]*ast.TypeSpec
	docs    map[string]string
	methods map[string]map[string]*ast.FuncDecl // by receiver
	funcs   map[string]*ast.FuncDecl
	notes   map[string]string // comments at the end of a line, by file:line
}

// payloads reads all packages of this module but those of tests and measurements, whatever system their files are for.
func payloads(t *testing.T) []payload {
	t.Helper()
	var all []payload
	err := filepath.WalkDir(top, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(top, dir) //nolint:errcheck // it is below
		name := d.Name()
		switch {
		case rel != "." && strings.ContainsAny(name[:1], "._"), name == "testdata", rel == "bin", rel == "userland", rel == "tools":
			return fs.SkipDir
		case strings.HasSuffix(name, "test"), rel == "internal/bench", rel == "events",
			rel == "internal/backend/rehearsal": // what it shows is others'
			return nil
		}
		all = append(all, parse(t, dir, filepath.ToSlash(rel)).payloads(t)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b payload) int {
		return cmp.Or(strings.Compare(a.typ, b.typ), rank(a.pkg)-rank(b.pkg), strings.Compare(a.pkg, b.pkg))
	})
	return all
}

// rank puts what stands in for a system behind those.
func rank(pkg string) int {
	if strings.HasSuffix(pkg, "/mem") {
		return 1
	}
	return 0
}

func parse(t *testing.T, dir, rel string) *source {
	t.Helper()
	s := &source{
		dir: rel, fset: token.NewFileSet(), types: map[string]*ast.TypeSpec{}, docs: map[string]string{},
		methods: map[string]map[string]*ast.FuncDecl{}, funcs: map[string]*ast.FuncDecl{}, notes: map[string]string{},
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(s.fset, file, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s.file(f)
	}
	return s
}

func (s *source) file(f *ast.File) {
	for _, group := range f.Comments {
		s.notes[s.line(group.Pos())] = plain(group.Text())
	}
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok {
					s.types[ts.Name.Name] = ts
					s.docs[ts.Name.Name] = plain(cmp.Or(ts.Doc, d.Doc).Text())
				}
			}
		case *ast.FuncDecl:
			if d.Recv == nil {
				s.funcs[d.Name.Name] = d
				continue
			}
			name := receiver(d)
			if s.methods[name] == nil {
				s.methods[name] = map[string]*ast.FuncDecl{}
			}
			s.methods[name][d.Name.Name] = d
		}
	}
}

func (s *source) line(p token.Pos) string {
	at := s.fset.Position(p)
	return at.Filename + ":" + strconv.Itoa(at.Line)
}

// receiver is the name of the type that d is a method of.
func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// plain is a comment's first paragraph as one line.
func plain(doc string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(doc), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}

// method finds a method of the type or of one that is embedded in it.
func (s *source) method(typ, name string) *ast.FuncDecl {
	if m := s.methods[typ][name]; m != nil {
		return m
	}
	st := s.fields(typ)
	if st == nil {
		return nil
	}
	for _, f := range st.List {
		if id, ok := f.Type.(*ast.Ident); ok && len(f.Names) == 0 {
			if m := s.method(id.Name, name); m != nil {
				return m
			}
		}
	}
	return nil
}

func (s *source) fields(typ string) *ast.FieldList {
	if ts := s.types[typ]; ts != nil {
		if st, ok := ts.Type.(*ast.StructType); ok {
			return st.Fields
		}
	}
	return nil
}

func (s *source) payloads(t *testing.T) []payload {
	t.Helper()
	var all []payload
	for name, methods := range s.methods {
		m := methods["EventType"]
		if m == nil {
			continue
		}
		p := payload{pkg: s.dir, name: name, typ: constant(m), effect: methods["Undo"] != nil}
		if p.typ == "" {
			t.Errorf("%s: EventType of %s does not return a constant; another place has to document it", s.dir, name)
		}
		p.doc = about(name, s.docs[name])
		if m := s.method(name, "EventKey"); m != nil {
			p.key = about("EventKey", plain(m.Doc.Text()))
		}
		if m := s.method(name, "AppendAttrs"); m != nil {
			p.attrs = s.attrs(name, m)
		}
		all = append(all, p)
	}
	return all
}

// constant is what m returns if that is one string, else empty.
func constant(m *ast.FuncDecl) string {
	if len(m.Body.List) == 1 {
		if r, ok := m.Body.List[0].(*ast.ReturnStmt); ok {
			return literal(r.Results[0])
		}
	}
	return ""
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		if s, err := strconv.Unquote(l.Value); err == nil {
			return s
		}
	}
	return ""
}

var leads = regexp.MustCompile(`^(is the payload of|is the payload of a|is) `)

// about is a comment without the name that it begins with.
func about(name, doc string) string {
	doc = strings.TrimPrefix(doc, name+" ")
	doc = leads.ReplaceAllString(doc, "")
	if doc == "" {
		return ""
	}
	return strings.ToUpper(doc[:1]) + doc[1:]
}

// kinds are those of slog's constructors, as they are in JSON.
func kinds() map[string]string {
	return map[string]string{
		"String": "string", "Int": "number", "Int64": "number", "Uint64": "number", "Float64": "number", "Bool": "true or false",
		"Duration": "nanoseconds", "Time": "RFC 3339 time", "Any": "any", "Group": "object",
	}
}

// attrs reads the attributes that m appends, also by a function that it calls.
func (s *source) attrs(typ string, m *ast.FuncDecl) []attr {
	var all []attr
	var depth int // in an if
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			depth++
			ast.Inspect(n.Body, visit)
			depth--
			return false
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && s.funcs[id.Name] != nil {
				ast.Inspect(s.funcs[id.Name].Body, visit)
			}
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if ok && len(n.Args) > 1 {
				if pkg, isID := sel.X.(*ast.Ident); isID && pkg.Name == "slog" && literal(n.Args[0]) != "" {
					all = append(all, attr{literal(n.Args[0]), kinds()[sel.Sel.Name], s.meaning(typ, n), depth > 0})
				}
			}
		}
		return true
	}
	ast.Inspect(m.Body, visit)
	return all
}

// meaning is what is said about an attribute: at the end of its line, or else of the field that it is made of.
func (s *source) meaning(typ string, call *ast.CallExpr) string {
	if note := s.notes[s.line(call.Pos())]; note != "" {
		return note
	}
	said := ""
	ast.Inspect(call.Args[1], func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if ok && said == "" {
			said = s.field(typ, sel.Sel.Name)
		}
		return said == ""
	})
	return said
}

// field is what is said about a field.
func (s *source) field(typ, name string) string {
	list := s.fields(typ)
	if list == nil {
		return ""
	}
	for _, f := range list.List {
		for _, id := range f.Names {
			if id.Name == name {
				return cmp.Or(plain(cmp.Or(f.Doc, f.Comment).Text()), s.notes[s.line(f.Pos())])
			}
		}
	}
	return ""
}
