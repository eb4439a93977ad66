package journal

import (
	"errors"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

func TestCommittedStaysFailedGoes(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		if err := w.do(t, j, "a b va !a"); err != nil {
			t.Fatal(err)
		}
		wantWorld(t, w, "b va")
		if err := w.do(t, j, "c vc fail"); !errors.Is(err, errTest) {
			t.Fatal(err)
		}
		wantWorld(t, w, "b va")
		wantClean(t, j)
	})
}

func TestDeadRunIsUndone(t *testing.T) {
	for _, reboot := range []bool{false, true} {
		journals(t, func(t *testing.T, j *Journal) {
			w := newWorld()
			if err := w.do(t, j, "keep"); err != nil {
				t.Fatal(err)
			}
			w.die(t, j, "a va b | c vc d !keep")
			wantWorld(t, w, "a b c d keep va vc")
			want, n := "a b keep va", 3
			if reboot {
				j, want, n = reborn(j), "a b keep", 2
				w.reboot()
			}
			if dirty, err := j.Dirty(); !dirty || err != nil {
				t.Fatalf("Dirty() = %v, %v", dirty, err)
			}
			for dead, err := range j.Pending() {
				if err != nil || dead.Root != "test.op a va b | c vc d !keep" || len(dead.Pending) != n || dead.SameBoot == reboot || dead.Run.PID != 4711 {
					t.Errorf("Pending: %+v, %v", dead, err)
				}
			}
			w.log = nil
			if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Undone: n}) {
				t.Errorf("Recover: %+v", out)
			}
			wantWorld(t, w, want)
			if got := strings.Join(w.log, " "); !strings.HasPrefix(got, "-d") || !strings.HasSuffix(got, "-c") {
				t.Errorf("undone in the order %s", got)
			}
			wantClean(t, j)
			if out := recoverAll(t, j, w); out != (Recovered{}) {
				t.Errorf("second Recover: %+v", out)
			}
		})
	}
}

func TestRetainAndRelease(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		if err := w.do(t, j, "a va @jail/Web.1"); err != nil {
			t.Fatal(err)
		}
		if got := heldString(t, j); got != `[jail/Web.1 {"Name":"a","Got":"id-a"} {"Name":"va"}]` {
			t.Fatal(got)
		}
		if err := w.do(t, j, "b @jail/Web.1"); !errors.Is(err, fault.Exists) {
			t.Fatalf("retained twice: %v", err)
		}
		wantWorld(t, w, "a va")
		wantClean(t, j)
		w.fail["a"] = errTest
		out, err := j.Release("jail/Web.1", w.registry()).Do(t.Context())
		if err == nil || out.Undone != 1 || len(out.Left) != 1 || !errors.Is(err, fault.Residue) {
			t.Fatalf("Release = %+v, %v", out, err)
		}
		wantWorld(t, w, "a")
		if h, ok, err := j.Lookup("jail/Web.1"); !ok || err != nil || !h.Releasing || len(h.Records) != 1 || h.Root != "test.op a va @jail/Web.1" {
			t.Fatalf("Lookup = %+v, %v, %v", h, ok, err)
		}
		delete(w.fail, "a")
		out, err = j.Release("jail/Web.1", w.registry()).Do(t.Context())
		if err != nil || out.Undone != 1 {
			t.Fatalf("Release = %+v, %v", out, err)
		}
		wantWorld(t, w, "")
		if got := heldString(t, j); got != "" {
			t.Fatal(got)
		}
		run := j.Release("jail/Web.1", w.registry()).Start(t.Context())
		for ev := range run.Events() {
			if ev.Phase == events.End && !ev.Skipped() {
				t.Errorf("release of nothing: %v", ev.Status)
			}
		}
		wantClean(t, j)
	})
}
