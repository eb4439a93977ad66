package itest

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// place is a root with a template's content, which goes with the test.
func place(t testing.TB, from template) (root string) {
	t.Helper()
	needsJails(t)
	dir := t.TempDir()
	if err := from.stamp(dir); err != nil {
		t.Fatal(err)
	}
	root = filepath.Join(dir, "root")
	t.Cleanup(func() {
		if err := raze(root); err != nil {
			t.Error(err)
		}
	})
	return root
}

func look(t testing.TB, root string) string {
	t.Helper()
	text, err := picture(root)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// same wants the picture to be this one.
func same(t testing.TB, root, want string) {
	t.Helper()
	if got := look(t, root); got != want {
		t.Errorf("the world is another (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// TestBusy lets a second process try everything on a jail with which a first one is at work. It is told
// by whom, with what and since when, and does nothing.
func TestBusy(t *testing.T) {
	for _, tc := range []struct {
		op, at string
		before []string
		others []string
	}{
		{"start", "begin-sandbox.spawn", nil, []string{
			"create", "start", "stop", "kill", "restart", "rename", "clone", "snapshot", "rollback", "forget", "set", "destroy", "run",
		}},
		{"stop", "begin-jail.detach", []string{"start"}, []string{"start", "stop", "restart", "set", "destroy", "run"}},
		{"rollback", "begin-storage.rollback", nil, []string{"start", "snapshot", "destroy"}},
		{"destroy", "begin-storage.destroy", nil, []string{"start", "create", "clone"}},
		{"clone", "begin-storage.clone", nil, []string{"start", "set"}},
	} {
		t.Run(tc.op, func(t *testing.T) {
			t.Parallel()
			root := place(t, history)
			on := func(do ...string) task { return task{Root: root, Jail: "web", Do: do} }
			if tc.before != nil {
				on(tc.before...).must(t)
			}
			first := on(tc.op)
			first.Hold = tc.at
			h := first.hold(t)
			busy := look(t, root)
			for _, op := range tc.others {
				_, a, err := on(op).run(t.Context(), t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				began := h.began.Add(-time.Second)
				if !a.Busy || !strings.HasPrefix(tc.op, a.Op) && tc.op != a.Op && a.Op != "create" || a.PID != h.cmd.Process.Pid ||
					a.Since.Before(began) || a.Since.After(time.Now()) {
					t.Errorf("%s while %s is at work as %d: got %+v", op, tc.op, h.cmd.Process.Pid, a)
				}
				if !strings.Contains(a.Error, a.Op) || !strings.Contains(a.Error, fmt.Sprint(a.PID)) {
					t.Errorf("%s: the message does not say it: %s", op, a.Error)
				}
			}
			same(t, root, busy)
			h.end(t)
			want := place(t, history)
			alone := task{Root: want, Jail: "web", Do: append(tc.before, tc.op)}
			alone.must(t)
			same(t, root, look(t, want))
		})
	}
}

// many runs tasks at once, each in a process of its own, and gives what they answered.
func many(t *testing.T, what string, tasks ...task) []answer {
	t.Helper()
	dir, began := t.TempDir(), time.Now()
	answers := make([]answer, len(tasks))
	var all sync.WaitGroup
	for i, task := range tasks {
		all.Go(func() {
			_, a, err := task.run(t.Context(), dir)
			if err != nil {
				a.Error += err.Error()
			}
			answers[i] = a
		})
	}
	all.Wait()
	t.Logf("%s: %d processes in %v", what, len(tasks), time.Since(began).Round(time.Millisecond))
	return answers
}

// TestFiftyProcesses lets fifty processes make, start and stop fifty jails at once, and the same one.
// (TestLinuxFifty, beside package ioc, does so in one process.)
func TestFiftyProcesses(t *testing.T) {
	const n = 50
	root := place(t, released)
	before := look(t, root)
	each := func(do string) (all []task) {
		for i := range n {
			all = append(all, task{Root: root, Jail: fmt.Sprintf("j%02d", i), Do: []string{do}})
		}
		return all
	}
	succeed := func(do string) {
		t.Helper()
		for i, a := range many(t, do, each(do)...) {
			if a.Error != "" {
				t.Fatalf("%s %d: %s", do, i, a.Error)
			}
		}
	}
	succeed("create")
	made := look(t, root)
	succeed("start")
	if got := strings.Count(look(t, root), " is running "); got != n {
		t.Errorf("%d jails run", got)
	}
	succeed("exec")
	succeed("stop")
	same(t, root, made)

	// All at once for one jail: one gets it, the others hear of that.
	var one []task
	for range n {
		one = append(one, task{Root: root, Jail: "j00", Do: []string{"start"}})
	}
	done := 0
	for _, a := range many(t, "start the same", one...) {
		switch {
		case a.Error == "":
			done++
		case !a.Busy || a.Op != "start" || a.PID == 0:
			t.Errorf("got %+v", a)
		}
	}
	if got := strings.Count(look(t, root), " is running "); got != 1 || done == 0 {
		t.Errorf("%d jails run, %d were told so", got, done)
	}
	succeed("destroy")
	same(t, root, before)
}

// TestTwoRoots lets two processes live the life of a jail of the same name in two roots, at once.
func TestTwoRoots(t *testing.T) {
	life := []string{"start", "exec", "restart", "stop", "snapshot", "clone", "start", "kill"}
	for range 3 {
		a, b := place(t, created), place(t, created)
		if got, want := look(t, b), look(t, a); got != want {
			t.Fatalf("they are not equal:\n%s", cmp.Diff(want, got))
		}
		for _, got := range many(t, "two lives", task{Root: a, Jail: "web", Do: life}, task{Root: b, Jail: "web", Do: life}) {
			if got.Error != "" {
				t.Fatal(got.Error)
			}
		}
		same(t, a, look(t, b))
	}
}
