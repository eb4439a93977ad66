package eventdoc

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/internal/golden"
)

const pageFile = top + "/docs/events.md"

// TestDocument keeps docs/events.md current. With -update, as make gen runs it, it writes the page.
func TestDocument(t *testing.T) { golden.Check(t, pageFile, []byte(page(t))) }

const intro = `# Events

<!-- Made by make gen from the sources and their comments. Do not edit. -->

Every operation of ioc is a stream of events. Each step gives one event when it begins and one when it ends; what
begins while a step is pending is its child. A step that fails first undoes what it and its finished children
did, newest first, and only then ends.

` + "`--events ndjson`" + ` writes the stream of an operation to standard output, ` + "`ioc events ID --events ndjson`" + ` that of
one that has been, and ` + "`ioc events --follow --events ndjson`" + ` those of all that any process runs. In Go a stream is
what ` + "`Op.Events`" + ` yields, and ` + "`events.ReadNDJSON`" + ` reads one back.

## Lines

A stream is lines of JSON, one object each, in UTF-8. The first line describes the run:

    %s

and every other line is an event. Fields that say nothing are left out:

%s

%s
A Progress event has in ` + "`detail`" + ` how far its step is, ` + "`%s`" + `, or what a command has said,
` + "`%s`" + `, or whatever its step says. In the detail of an End is the step's result, if it has one.

The kinds of faults and the exit codes are in [errors.md](errors.md).

## Version and stability

The version is the number ` + "`v`" + ` of the first line, and is 1. As long as it is 1:

* Fields, phases, reasons, kinds, types of events, members of their data, and kinds of lines are added. A reader
  ignores what it does not know. A new status would be a new version.
* None of them changes its meaning, and none that is always there goes away. Titles and texts of errors are for people and
  may change at any time; what programs decide by is type, key, status, reason, fault and data.
* Steps come and go: which children an operation has is not promised. What is: one root, whose End is the last
  event; an End for each Begin, unless the process was killed; children within their parents; Seq without gaps, but for what
  is read from the history.

## The history

The directory ` + "`history`" + ` in the root has a file for each operation, called by its run. It has these lines more, which are
neither the first nor events:

| line | meaning |
| --- | --- |
| ` + "`{\"by\":{\"uid\":0,\"command\":\"ioc start\"}}`" + ` | the second one: who ran it; the command is without its arguments |
| ` + "`{\"cut\":true}`" + ` | the operation was too long: what is missing between here and its last event is not kept |

Of Progress that says how far a step is at most one in a tenth of a second is kept. A stream without its last
event is one of an operation that is running, or whose process was killed. Files are readable for their owner only, are not synced to
the disk, and the oldest are removed when there are more than a thousand or 64 MiB of them.

` + "`ioc events --follow --events ndjson`" + ` mixes the lines of several streams. There every event has its run in a field
` + "`run`" + `, and ` + "`{\"run\":\"...\",\"crashed\":true}`" + ` says that the process of a run has been killed.

Arguments of commands that run in jails, values of properties that are set, and the environment are in no event. What is: the
commands that exec_start and its like hold, and what they and commands of the host print.

## Types

An effect is a change to the system. Its event comes with the kind forward when it is done, with undo when the
same operation takes it back, with revert when another one does (a stop, which releases what a start did; a
recovery), and with commit if it cannot be taken back and so comes after all else. A step has the kind forward. Where
nothing is said about the key there is none.
`

func page(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, intro,
		block(method(t, "ndjson.go", "NDJSON"))[0],
		"    "+strings.Join(block(method(t, "json.go", "AppendJSON")), "\n    "),
		names(t),
		between(method(t, "progress.go", "AppendJSON"), "{", "}"),
		between(method(t, "output.go", "AppendJSON"), "{", "}"))
	all := payloads(t)
	for i, p := range all {
		if i > 0 && all[i-1].typ == p.typ {
			continue
		}
		same := all[i:]
		if n := slices.IndexFunc(same, func(o payload) bool { return o.typ != p.typ }); n >= 0 {
			same = same[:n]
		}
		entry(&b, same)
	}
	return b.String()
}

// entry describes the payloads of one type.
func entry(b *strings.Builder, same []payload) {
	p := same[0]
	what := "A step"
	if p.effect {
		what = "An effect"
	}
	var pkgs []string
	for _, o := range same {
		if pkg := "`" + o.pkg + "`"; !slices.Contains(pkgs, pkg) {
			pkgs = append(pkgs, pkg)
		}
	}
	if p.pkg == "." {
		pkgs[0] = "`ioc`"
	}
	fmt.Fprintf(b, "\n### %s\n\n%s %s of %s.", p.typ, sentence(p.doc), what, strings.Join(pkgs, ", "))
	if p.key != "" {
		fmt.Fprintf(b, " Key: %s", lower(sentence(p.key)))
	}
	b.WriteByte('\n')
	var rows []string
	for _, o := range same {
		for _, a := range o.attrs {
			if slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(row, "| "+a.name+" |") }) {
				continue
			}
			meaning := a.meaning
			if a.sometimes {
				meaning = strings.TrimSuffix(meaning, ".") + " (not always there)"
			}
			rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", a.name, a.kind, strings.ReplaceAll(meaning, "|", `\|`)))
		}
	}
	if len(rows) > 0 {
		b.WriteString("\n| data | type | meaning |\n| --- | --- | --- |\n" + strings.Join(rows, ""))
	}
}

func sentence(s string) string { return strings.TrimSuffix(s, ".") + "." }

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// method is the comment of a function of package events.
func method(t *testing.T, file, name string) string {
	t.Helper()
	for _, d := range eventsFile(t, file).Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
			return f.Doc.Text()
		}
	}
	t.Fatalf("events/%s has no %s", file, name)
	return ""
}

func eventsFile(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, "events", file), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// block is the indented part of a comment.
func block(doc string) []string {
	var all []string
	for line := range strings.Lines(doc) {
		if text, ok := strings.CutPrefix(line, "\t"); ok {
			all = append(all, strings.TrimRight(text, "\n"))
		}
	}
	return all
}

// between is the first part of s from one sign to the last of the other.
func between(s, from, to string) string {
	return s[strings.Index(s, from) : strings.LastIndex(s, to)+1]
}

// names are the constants that events are made of, as they are on the wire.
func names(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| field | value | meaning |\n| --- | --- | --- |\n")
	field := ""
	for _, d := range eventsFile(t, "event.go").Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec) //nolint:forcetypeassert // of const
			if id, ok := v.Type.(*ast.Ident); ok {
				field = strings.ToLower(id.Name)
			}
			name := strings.ToLower(v.Names[0].Name)
			meaning := plain(v.Comment.Text())
			if name == "noreason" {
				continue
			}
			if meaning == "" {
				meaning = map[string]string{
					"begin": "the step begins", "progress": "it goes on", "end": "it is over", "pending": "it is not over",
				}[name]
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", field, name, strings.ReplaceAll(meaning, "|", `\|`))
		}
	}
	return b.String()
}
