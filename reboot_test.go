package ioc_test

import (
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/jail"
)

// TestReboot takes the kernel away from running jails and leaves them their files and their journal.
func TestReboot(t *testing.T) {
	root, files := t.TempDir(), mem.New(nil)
	boots := byte(0)
	boot := func() (*ioc.Host, *mem.Kernel) {
		t.Helper()
		boots++
		kernel := mem.NewKernel()
		h, err := ioc.Open(t.Context(), ioc.Options{
			Root:    root,
			Sources: nothingElse(),
			Backend: &ioc.Backend{Name: "memory", Storage: files, Sandbox: kernel, Register: func(r *events.Registry) {
				files.Register(r)
				kernel.Register(r)
			}},
		}.Booted(boots))
		if err != nil {
			t.Fatal(err)
		}
		return h, kernel
	}
	h, kernel := boot()
	for _, name := range []string{"web", "db"} {
		must(t, h.JailGenerator(name).Run(ioc.RunOptions{Exec: command("true")}))
	}
	if n := len(kernel.Objects()); n != 4 {
		t.Fatalf("got %q", kernel.Objects())
	}

	h, kernel = boot()
	in(t, h.Jail("web"), jail.Dead)
	evs, _, err := eventstest.Record(t, h.JailGenerator("web").Start())
	if err != nil {
		t.Fatal(err)
	}
	if got := eventstest.Outline(evs); !strings.Contains(got, "jail.settle web") || strings.Contains(got, "revert") {
		t.Errorf("what a reboot took away is not undone, but dropped:\n%s", got)
	}
	in(t, h.Jail("web"), jail.Running)
	must(t, h.JailGenerator("db").Stop(ioc.StopOptions{}))
	in(t, h.Jail("db"), jail.Stopped)
	skipped(t, h.JailGenerator("db").Stop(ioc.StopOptions{}))
	if n := len(kernel.Objects()); n != 2 {
		t.Errorf("got %q", kernel.Objects())
	}
}
