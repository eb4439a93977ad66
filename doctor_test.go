package ioc_test

import (
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// kinds lists what the doctor finds wrong, without advice.
func (w *testHost) kinds(t *testing.T) string {
	t.Helper()
	var all []string
	for _, f := range w.Examine(t.Context()) {
		if f.Class != doctor.Advice {
			all = append(all, f.Kind)
		}
	}
	return strings.Join(all, " ")
}

// TestDoctorMemory makes in the memory back end what a killed operation leaves: it is named and mended, and a
// jail that runs is not taken for it.
func TestDoctorMemory(t *testing.T) {
	w := &testHost{files: mem.New(nil), kernel: mem.NewKernel()}
	var err error
	w.Host, err = ioc.Open(t.Context(), ioc.Options{Sources: nothingElse(), Backend: &ioc.Backend{
		Name: "memory", Storage: w.files, Sandbox: w.kernel, DryRun: true,
		Register: func(r *events.Registry) {
			w.files.Register(r)
			w.kernel.Register(r)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	started(t, w)
	before := w.text(t)
	if got := w.kinds(t); got != "" {
		t.Fatalf("where all is in order it finds %q", got)
	}

	filling, err := w.files.Fill(t.Context(), storage.Release("half"))
	if err != nil {
		t.Fatal(err)
	}
	w.apply(t, filling.Stage())
	must(t, w.JailGenerator("db").Create(ioc.CreateOptions{}))
	gone, err := w.files.Destroy(t.Context(), storage.Jail("db"), storage.DestroyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.apply(t, storage.Change{Do: gone.Do})
	lost, err := w.kernel.Start(sandbox.Spec{ID: w.ID() + "-lost", Root: sandbox.Root{Dir: "/"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range lost {
		if err := e.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	if got := w.kinds(t); got != "dataset.staged start.left trash.left" {
		t.Errorf("found %q", got)
	}
	m := must(t, w.Mend())
	if len(m.Done) != 3 || len(m.Failed) > 0 {
		t.Errorf("mended %+v", m)
	}
	if got := w.kinds(t); got != "" {
		t.Errorf("after mending it finds %q", got)
	}
	if after := w.text(t); after != before {
		t.Errorf("the world is\n%swant\n%s", after, before)
	}
	skipped(t, w.Mend())
}
