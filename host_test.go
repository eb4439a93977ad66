package ioc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// testHost is a host in memory, all of which can be seen, and whose effects can be made to fail.
type testHost struct {
	*ioc.Host
	files  *mem.World
	kernel *mem.Kernel
	faults *faults
}

func newHost(t testing.TB, o ioc.Options) *testHost {
	t.Helper()
	w := &testHost{files: mem.New(nil), kernel: mem.NewKernel(), faults: &faults{}}
	o.Backend = &ioc.Backend{
		Name:    "memory",
		Storage: shakyStorage{w.files, w.faults},
		Sandbox: shakySandbox{w.kernel, w.faults},
		DryRun:  true,
		Register: func(r *events.Registry) {
			w.files.Register(r)
			w.kernel.Register(r)
			w.faults.register(r)
		},
	}
	if o.Sources == nil {
		o.Sources = nothingElse()
	}
	var err error
	if w.Host, err = ioc.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return w
}

// nothingElse makes the default release an empty one.
func nothingElse() map[string]release.Source {
	return map[string]release.Source{ioc.Embedded: nothing{}}
}

// nothing is the source of an empty release.
type nothing struct{}

func (nothing) String() string                         { return "nothing" }
func (nothing) Digest(context.Context) (string, error) { return "sha256:nothing", nil }
func (nothing) Write(context.Context, release.Target) (release.Written, error) {
	return release.Written{Digest: "sha256:nothing"}, nil
}

// must runs an operation, checks its stream, and wants it to succeed.
func must[T any](t testing.TB, op events.Op[T], opts ...events.Option) T {
	t.Helper()
	v, err := eventstest.Verify(t, op, opts...)
	if err != nil {
		t.Fatalf("%s: %v", op.Payload().EventType(), err)
	}
	return v
}

// want runs an operation, checks its stream, and wants it to fail in this way.
func want[T any](t testing.TB, kind fault.Kind, op events.Op[T], opts ...events.Option) error {
	t.Helper()
	_, err := eventstest.Verify(t, op, opts...)
	if !errors.Is(err, kind) {
		t.Fatalf("%s: got %v, want %v", op.Payload().EventType(), err, kind)
	}
	return err
}

// skipped runs an operation and wants it to have had nothing to do.
func skipped[T any](t testing.TB, op events.Op[T]) T {
	t.Helper()
	evs, v, err := eventstest.Record(t, op)
	if err != nil || !evs[len(evs)-1].Skipped() {
		t.Fatalf("%s: got %v, want it to be skipped\n%s", op.Payload().EventType(), err, eventstest.Outline(evs))
	}
	return v
}

// text is everything there is, with all ids: two worlds of the same text are the same.
func (w *testHost) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, k := range []storage.Kind{storage.Releases, storage.Jails} {
		all, err := w.files.List(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			u, err := w.files.Usage(t.Context(), i.Dataset)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s id %s from %s, %+v\n", i.Dataset, i.ID, i.Origin, u)
			for _, name := range []string{"config.json", "config.history.json", "fstab", "release.json"} {
				if file, err := w.files.ReadFile(t.Context(), i.Dataset, name); err == nil {
					fmt.Fprintf(&b, "  %s %s", name, file)
				}
			}
			snaps, err := w.files.Snapshots(t.Context(), i.Dataset)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range snaps {
				fmt.Fprintf(&b, "  @%s\n", s.Name)
			}
		}
	}
	if file, err := w.files.ReadFile(t.Context(), storage.Global(), "defaults.json"); err == nil {
		fmt.Fprintf(&b, "defaults.json %s", file)
	}
	for _, o := range w.kernel.Objects() {
		b.WriteString(o + "\n")
	}
	for held, err := range w.Journal().Held() {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "retained %s: %d effects of %s\n", held.Key, len(held.Records), held.Run.ID)
	}
	return b.String()
}

// quiet wants nothing to be going on: no locks, no dead or living runs.
func (w *testHost) quiet(t testing.TB) {
	t.Helper()
	dirty, err := w.Journal().Dirty()
	if dirty || err != nil {
		t.Errorf("the journal has something to recover: %v, %v", dirty, err)
	}
	for live := range w.Journal().Live() {
		t.Errorf("a run holds its slot: %+v", live)
	}
	me := &events.RunInfo{ID: events.RunID{1}}
	for _, name := range []string{"jails/web", "jails/db", "jails/copy", "releases/embedded"} {
		release, err := w.Locks().Take(name, false, "test", me)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		release()
	}
}

// write changes a jail's small file behind ioc's back.
func (w *testHost) write(t testing.TB, name storage.Name, file, content string) {
	t.Helper()
	c, err := w.files.WriteFile(t.Context(), storage.Jail(name), file, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	w.apply(t, c)
}

// remove makes a jail's files go away behind ioc's back.
func (w *testHost) remove(t testing.TB, name storage.Name) {
	t.Helper()
	c, err := w.files.Destroy(t.Context(), storage.Jail(name), storage.DestroyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.apply(t, c)
}

func (w *testHost) apply(t testing.TB, c storage.Change) {
	t.Helper()
	for _, e := range append(c.Do, c.After...) {
		if err := e.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
