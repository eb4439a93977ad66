package ioc_test

import (
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

func parsed(t testing.TB, text string) *apply.File {
	t.Helper()
	f, err := apply.Parse("jails.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const town = `
jails:
  db:
    exec_start: db up
    exec_stop: db down
    notes: a
    fstab: []
  web:
    exec_start: web up
    exec_stop: web down
    depends: [db]
  golden: {template: yes, notes: golden}
  copy: {clone: golden, state: stopped}
`

func TestApply(t *testing.T) {
	s := newShop(t, nil)
	before := s.text(t)
	skipped(t, s.Apply(parsed(t, town), ioc.ApplyOptions{DryRun: true}))
	if now := s.text(t); now != before {
		t.Errorf("the dry run changed something:\n%s", now)
	}
	must(t, s.Apply(parsed(t, town), ioc.ApplyOptions{}))
	wantUp(t, s, "db web")
	if got := s.order(); got != "db up, web up" {
		t.Errorf("got %s", got)
	}
	if i, err := s.JailGenerator("copy").Info(t.Context()); err != nil || i.Value("notes") != "" {
		t.Errorf("the clone has notes %q, %v", i.Value("notes"), err)
	}
	if skipped(t, s.Apply(parsed(t, town), ioc.ApplyOptions{Prune: true})); t.Failed() {
		t.FailNow()
	}

	// A change that needs a restart, one that does not, a jail more, a jail less, one that stops.
	must(t, s.JailGenerator("extra").Create(ioc.CreateOptions{}))
	must(t, s.JailGenerator("extra").Start())
	text := strings.ReplaceAll(town, "notes: a", "notes: b, ") + "  new:\n    exec_start: new up\n    depends: db\n"
	text = strings.Replace(text, "    exec_start: db up\n", "    exec_start: db up\n    maxproc: 90\n", 1)
	world := s.outline(t)
	s.fails["new"] = true
	s.order()
	if _, err := eventstest.Verify(t, s.Apply(parsed(t, text), ioc.ApplyOptions{Prune: true})); err == nil || !strings.Contains(err.Error(), "exec_start new: exit 3") {
		t.Errorf("got %v", err)
	}
	if now := s.outline(t); now != world {
		t.Errorf("it is not undone:\n%s\nwant\n%s", now, world)
	}
	if got := s.order(); got != "db down, db up, new up, db down, db up" {
		t.Errorf("got %s", got)
	}
	s.quiet(t)
	s.fails["new"] = false
	must(t, s.Apply(parsed(t, text), ioc.ApplyOptions{Prune: true}))
	wantUp(t, s, "db new web")
	skipped(t, s.Apply(parsed(t, text), ioc.ApplyOptions{Prune: true}))
	if file, err := s.files.ReadFile(t.Context(), storage.Jail("db"), "fstab"); err != nil || len(file) != 0 {
		t.Errorf("fstab: %q, %v", file, err)
	}
	must(t, s.Apply(parsed(t, "jails: {db: {state: stopped}, web: {state: any}}"), ioc.ApplyOptions{}))
	wantUp(t, s, "new web")
	must(t, s.Apply(parsed(t, "jails:"), ioc.ApplyOptions{Prune: true}))
	if all, err := s.Jails(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%d jails are left, %v", len(all), err)
	}
	s.quiet(t)
}

// TestApplyBeforehand finds out what is wrong with an fstab before anything is done.
func TestApplyBeforehand(t *testing.T) {
	s := newShop(t, nil)
	evs, _, err := eventstest.Record(t, s.Apply(parsed(t, "jails: {new: {}, bad: {fstab: [/etc /x nullfs ro 0 0, /etc /proc/x nullfs ro 0 0]}}"), ioc.ApplyOptions{}))
	if err == nil || !strings.Contains(err.Error(), `fstab bad: fstab:2`) {
		t.Errorf("got %v", err)
	}
	if got := eventstest.Outline(evs); strings.Contains(got, "jail.create") {
		t.Errorf("something was done before:\n%s", got)
	}
	must(t, s.JailGenerator("old").Create(ioc.CreateOptions{}))
	must(t, s.JailGenerator("old").Start())
	losses, err := s.Excess(t.Context(), parsed(t, "jails: {new: {}}"))
	if err != nil || len(losses) != 1 || losses[0].Jail != "old" {
		t.Errorf("got %v, %v", losses, err)
	}
}

func TestApplyRefuses(t *testing.T) {
	s := newShop(t, map[string]string{"web": ""})
	world := s.outline(t)
	for _, tc := range []struct {
		text string
		kind fault.Kind
	}{
		{"jails: {web: {release: other}}", fault.Exists},
		{"jails: {new: {}, bad: {clone: nosuch}}", fault.NotFound},
		{"jails: {new: {depends: bad}, bad: {depends: new}}", fault.Invalid},
		{"jails: {new: {}, 'b/d': {}}", fault.Invalid},
		{"jails: {new: {}, bad: {fstab: [nonsense]}}", fault.Invalid},
		{"jails: {new: {}, bad: {fstab: [/etc /dev/x nullfs ro 0 0]}}", fault.Invalid},
		{"jails: {new: {}, bad: {fstab: [/no/such/place /x nullfs ro 0 0]}}", fault.Invalid},
		{"jails: {web: {fstab: [/etc /x ufs ro 0 0]}}", fault.NotSupported},
	} {
		var op events.Op[struct{}] = s.Apply(parsed(t, tc.text), ioc.ApplyOptions{})
		want(t, tc.kind, op)
		if now := s.outline(t); now != world && !strings.Contains(now, "release") {
			t.Errorf("%s: it is not undone:\n%s", tc.text, now)
		}
		s.quiet(t)
	}
}
