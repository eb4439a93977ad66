package term

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing them")

// TestGolden shows recorded streams. Clock and width are theirs, so every run gives the same.
func TestGolden(t *testing.T) {
	forms := map[string]func(io.Writer, []events.Event){
		"plain": func(w io.Writer, all []events.Event) { feed(NewPlain(w, Options{}), all) },
		"tree":  func(w io.Writer, all []events.Event) { feed(NewTree(w, Options{}), all) },
		"ascii": func(w io.Writer, all []events.Event) { feed(NewTree(w, Options{ASCII: true}), all) },
		"color": func(w io.Writer, all []events.Event) { folded(t, w, all, Options{Color: true}) },
		"print": func(w io.Writer, all []events.Event) { folded(t, w, all, Options{}) },
		"full":  func(w io.Writer, all []events.Event) { folded(t, w, all, Options{Verbose: true, Whole: true}) },
	}
	for name, all := range streams(t) {
		golden := readGolden(t, name+".lines")
		for form, show := range forms {
			t.Run(name+"/"+form, func(t *testing.T) {
				var out strings.Builder
				show(&out, all)
				golden.compare(t, form, out.String())
			})
		}
		golden.write(t)
	}
}

func feed(sink interface{ Add(events.Event) }, all []events.Event) {
	for _, ev := range all {
		sink.Add(ev)
	}
}

func folded(t *testing.T, w io.Writer, all []events.Event, o Options) {
	t.Helper()
	var tree view.Tree
	feed(adder{&tree}, all)
	if err := Print(w, &tree, o); err != nil {
		t.Error(err)
	}
}

// adder takes no interest in the step.
type adder struct{ t *view.Tree }

func (a adder) Add(ev events.Event) { a.t.Add(ev) }

// streams reads the recorded streams, also those that were cut.
func streams(t *testing.T) map[string][]events.Event {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.ndjson")
	if err != nil || len(paths) == 0 {
		t.Fatal("no streams", err)
	}
	all := map[string][]events.Event{}
	for _, path := range paths {
		all[strings.TrimSuffix(filepath.Base(path), ".ndjson")] = stream(t, path)
	}
	return all
}

func stream(t *testing.T, path string) (all []events.Event) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for ev, err := range events.ReadNDJSON(f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ev)
	}
	return all
}

// golden is a file of what is expected, by name.
type golden struct {
	path    string
	archive *txtar.Archive
}

func readGolden(t *testing.T, name string) *golden {
	t.Helper()
	g := &golden{path: filepath.Join("testdata", name), archive: &txtar.Archive{}}
	if *update {
		return g
	}
	a, err := txtar.ParseFile(g.path)
	if err != nil {
		t.Fatal(err)
	}
	g.archive = a
	return g
}

// compare holds got against what is expected.
func (g *golden) compare(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		g.archive.Files = append(g.archive.Files, txtar.File{Name: name, Data: []byte(got)})
		return
	}
	for _, f := range g.archive.Files {
		if f.Name == name {
			if diff := cmp.Diff(string(f.Data), got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", g.path, name, diff)
			}
			return
		}
	}
	t.Errorf("%s has no %s", g.path, name)
}

// write puts down what came if that was asked for.
func (g *golden) write(t *testing.T) {
	t.Helper()
	if !*update {
		return
	}
	slices.SortFunc(g.archive.Files, func(a, b txtar.File) int { return strings.Compare(a.Name, b.Name) })
	if err := os.WriteFile(g.path, txtar.Format(g.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
