package journal

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

func TestReboot(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		for _, words := range []string{"va vb @volatile", "a va @mixed"} {
			if err := w.do(t, j, words); err != nil {
				t.Fatal(err)
			}
		}
		j = reborn(j)
		for h, err := range j.Held() {
			if err != nil || h.SameBoot || len(h.Records) != 2 {
				t.Errorf("Held: %+v, %v", h, err)
			}
		}
		if err := w.do(t, j, "b @mixed"); !errors.Is(err, fault.Exists) {
			t.Errorf("retained over what survives a reboot: %v", err)
		}
		if err := w.do(t, j, "vc @volatile"); err != nil { // nothing of it is left
			t.Error(err)
		}
		if got := heldString(t, j); !strings.Contains(got, `[volatile {"Name":"vc"}]`) {
			t.Errorf("held: %s", got)
		}
		w.log = nil
		out, err := j.Release("mixed", w.registry()).Do(t.Context())
		if err != nil || out.Undone != 1 || out.Dropped != 1 || strings.Join(w.log, "") != "-a" {
			t.Errorf("Release: %+v, %v, %v", out, err, w.log)
		}
	})
}

// TestEmptyHeldAfterPowerCut: a file of volatile effects is not synced, and may be found empty.
func TestEmptyHeldAfterPowerCut(t *testing.T) {
	j, w := Memory(), newWorld()
	if err := w.do(t, j, "va @k"); err != nil {
		t.Fatal(err)
	}
	j = reborn(j)
	if err := j.with(heldName("k"), func(f file) error { return f.Truncate(0) }); err != nil {
		t.Fatal(err)
	}
	if h, ok, err := j.Lookup("k"); ok || err != nil {
		t.Errorf("Lookup: %+v, %v, %v", h, ok, err)
	}
	if _, err := j.Release("k", w.registry()).Do(t.Context()); err != nil {
		t.Errorf("Release: %v", err)
	}
	if names, _ := j.fs.names(heldDir); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

func TestReleaseBusy(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		if err := w.do(t, j, "a @k"); err != nil {
			t.Fatal(err)
		}
		for ev := range j.Release("k", w.registry()).Events(t.Context()) {
			if ev.Kind != events.Revert || ev.Done() {
				continue
			}
			if _, err := j.Release("k", w.registry()).Do(t.Context()); !errors.Is(err, fault.Busy) {
				t.Errorf("two releases at once: %v", err)
			}
			if out := recoverAll(t, j, w); out != (Recovered{}) {
				t.Errorf("a live release was recovered: %+v", out)
			}
			if h, ok, err := j.Lookup("k"); !ok || err != nil || !h.Releasing {
				t.Errorf("Lookup: %+v, %v, %v", h, ok, err)
			}
			if err := w.do(t, j, "b @k"); !errors.Is(err, fault.Exists) {
				t.Errorf("retained while it is released: %v", err)
			}
		}
		wantWorld(t, w, "")
	})
}

// TestExtend: effects join what another run retained, and go with it.
func TestExtend(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		if err := w.do(t, j, "va +k"); !errors.Is(err, fault.NotFound) {
			t.Errorf("extended nothing: %v", err)
		}
		if err := w.do(t, j, "a va @k"); err != nil {
			t.Fatal(err)
		}
		before, _, _ := j.Lookup("k")
		if err := w.do(t, j, "b vb +k"); err != nil {
			t.Fatal(err)
		}
		h, ok, err := j.Lookup("k")
		if err != nil || !ok || len(h.Records) != 4 || h.Run != before.Run || h.Root != "test.op a va @k" {
			t.Errorf("Lookup: %+v, %v, %v", h, ok, err)
		}
		if err := w.do(t, reborn(j), "c +k"); !errors.Is(err, fault.NotFound) {
			t.Errorf("extended what a reboot took away: %v", err)
		}
		w.log = nil
		if out, err := j.Release("k", w.registry()).Do(t.Context()); err != nil || out.Undone != 4 {
			t.Errorf("Release: %+v, %v", out, err)
		}
		if got := strings.Join(w.log, " "); got != "-vb -b -va -a" {
			t.Errorf("released in the order %s", got)
		}
		wantWorld(t, w, "")
		wantClean(t, j)
	})
}

// early is a fileSystem in which somebody else is quick: between opening and locking the file name.
type early struct {
	fileSystem
	name  string
	quick func() error
}

func (e *early) open(name string, create, excl bool) (file, error) {
	f, err := e.fileSystem.open(name, create, excl)
	if quick := e.quick; err == nil && name == e.name && quick != nil {
		e.quick = nil
		err = quick()
	}
	return f, err
}

func TestReleasedBeforeItWasLocked(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		w := newWorld()
		if err := w.do(t, j, "a @k"); err != nil {
			t.Fatal(err)
		}
		other := *j
		e := &early{j.fs, heldName("k"), func() error {
			_, err := other.Release("k", w.registry()).Do(t.Context())
			return err
		}}
		j.fs = e
		w.log = nil
		out, err := j.Release("k", w.registry()).Do(t.Context())
		if err != nil || out.Undone != 0 || strings.Join(w.log, " ") != "-a" || e.quick != nil {
			t.Errorf("Release: %+v, %v; %v", out, err, w.log)
		}
	})
}

func TestSweptBeforeItWasLocked(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		other := *j
		e := &early{j.fs, heldName("k") + suffixNext, other.sweep}
		j.fs = e
		w := newWorld()
		if err := w.do(t, j, "a @k"); err != nil {
			t.Fatal(err)
		}
		if got := heldString(t, j); e.quick != nil || got != `[k {"Name":"a","Got":"id-a"}]` {
			t.Errorf("held: %s", got)
		}
		wantClean(t, j)
	})
}

// TestSweepLeavesWhatIsFinal: a run was killed between its COMMIT and the renaming, after a recovery
// had looked at its slot.
func TestSweepLeavesWhatIsFinal(t *testing.T) {
	m := newMachine(t)
	m.d.hook = func(op string, _ int) error {
		if strings.HasPrefix(op, "rename") {
			return errDead
		}
		return nil
	}
	if err := m.run("a @k"); err != nil {
		t.Fatal(err)
	}
	m.crash(nil)
	j := m.journal()
	if err := j.sweep(); err != nil {
		t.Fatal(err)
	}
	recoverAll(t, j, m.w)
	if got := heldString(t, j); got != `[k {"Name":"a","Got":"id-a"}]` {
		t.Errorf("held: %s", got)
	}
	wantWorld(t, m.w, "a")
}

// TestReleasedStaysReleased: also when the power goes at once.
func TestReleasedStaysReleased(t *testing.T) {
	for seed := range uint64(20) {
		m := newMachine(t)
		if err := m.run("a @k"); err != nil {
			t.Fatal(err)
		}
		if err := m.run("-k"); err != nil {
			t.Fatal(err)
		}
		m.crash(rand.New(rand.NewPCG(1, seed)))
		if got := heldString(t, m.journal()); got != "" {
			t.Fatalf("held: %s", got)
		}
	}
}
