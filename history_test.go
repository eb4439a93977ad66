package ioc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/sandbox"
)

// remembering is a host in memory whose root is on disk.
func remembering(t *testing.T, root string) *ioc.Host {
	t.Helper()
	files, kernel := mem.New(nil), mem.NewKernel()
	h, err := ioc.Open(t.Context(), ioc.Options{
		Root:    root,
		Sources: nothingElse(),
		Command: "test",
		Backend: &ioc.Backend{Name: "memory", Storage: files, Sandbox: kernel, Register: func(r *events.Registry) {
			files.Register(r)
			kernel.Register(r)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// remembered lists what the history has: outcome and title.
func remembered(t *testing.T, h *ioc.Host, f ioc.HistoryFilter) []string {
	t.Helper()
	var all []string
	for o, err := range h.History(f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(o.Outcome)+" "+o.What())
	}
	return all
}

// TestHistory keeps what operations did, whoever ran them, and no secrets of theirs; of queries and of what was
// so already it keeps nothing.
func TestHistory(t *testing.T) {
	const secret = "hunter2"
	root := t.TempDir()
	h := remembering(t, root)
	must(t, h.JailGenerator("web").Create(ioc.CreateOptions{Properties: map[string]string{"notes": secret}}))
	must(t, h.JailGenerator("web").Start())
	skipped(t, h.JailGenerator("web").Start())
	skipped(t, h.Recover())
	must(t, h.JailGenerator("web").Exec(ioc.ExecOptions{Process: sandbox.Process{
		Args: []string{"/bin/login", secret}, Env: []string{"PASSWORD=" + secret},
	}}))
	must(t, h.JailGenerator("web").Set(map[string]string{"notes": "not " + secret}))
	_, err := h.JailGenerator("nope").Start().Do(t.Context())
	if !errors.Is(err, fault.NotFound) {
		t.Fatal(err)
	}
	must(t, h.JailGenerator("web").Clone("db", ioc.CloneOptions{}))
	if _, err := h.Jails(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.HistoryErr(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"done create web from releases/embedded", "done start web", "done run /bin/login in web", "done set notes of web",
		"failed start nope", "done create db from jails/web",
	}
	if got := remembered(t, h, ioc.HistoryFilter{}); !slices.Equal(got, want) {
		t.Errorf("the history is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := remembered(t, h, ioc.HistoryFilter{Failed: true}); len(got) != 1 {
		t.Errorf("failed: %q", got)
	}
	if got := remembered(t, h, ioc.HistoryFilter{Jail: "db"}); len(got) != 1 {
		t.Errorf("about db: %q", got)
	}
	if got := remembered(t, h, ioc.HistoryFilter{Jail: "web"}); len(got) != 5 {
		t.Errorf("about web: %q", got)
	}
	files, err := filepath.Glob(filepath.Join(root, "history", "*"))
	if err != nil || len(files) != len(want) {
		t.Errorf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), secret) {
			t.Errorf("a secret is in the history:\n%s", data)
		}
	}
}

// TestOperation finds one operation by its ID or the beginning of it.
func TestOperation(t *testing.T) {
	h := remembering(t, t.TempDir())
	if _, err := h.Operation("last"); !errors.Is(err, fault.NotFound) {
		t.Errorf("last of none: %v", err)
	}
	must(t, h.JailGenerator("web").Create(ioc.CreateOptions{}))
	must(t, h.JailGenerator("web").Start())
	last, err := h.Operation("last")
	if err != nil || last.Type != "jail.start" || last.By.Command != "test" {
		t.Fatalf("last: %+v, %v", last, err)
	}
	id := last.Run.ID.String()
	for _, name := range []string{id, strings.ToLower(id), id[:25]} {
		if o, err := h.Operation(name); err != nil || o.Run.ID != last.Run.ID {
			t.Errorf("%s: %s, %v", name, o.Run.ID, err)
		}
	}
	for name, want := range map[string]fault.Kind{"01": fault.Invalid, "7Z": fault.NotFound, "": fault.Invalid, "../x": fault.NotFound} {
		if _, err := h.Operation(name); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	var got strings.Builder
	for ev, err := range h.Replay(last.Run.ID) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&got, ev.Phase, ev.Type())
	}
	if !strings.HasPrefix(got.String(), "begin jail.start\n") || !strings.HasSuffix(got.String(), "end jail.start\n") {
		t.Errorf("replayed\n%s", got.String())
	}
	for _, err := range h.Replay(events.RunID{1}) {
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("replay of none: %v", err)
		}
	}
}

// TestDryRunKeepsNothing writes nothing at all.
func TestDryRunKeepsNothing(t *testing.T) {
	h := newHost(t, ioc.Options{})
	must(t, h.JailGenerator("web").Create(ioc.CreateOptions{}))
	if got := remembered(t, h.Host, ioc.HistoryFilter{}); len(got) != 0 {
		t.Errorf("a dry run keeps %q", got)
	}
	for f, err := range h.Follow(t.Context(), ioc.HistoryFilter{}) {
		t.Errorf("a dry run follows %v, %v", f, err)
	}
}
