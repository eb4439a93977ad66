package ioc_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

// deadOfTwo has a run that destroys the jails a and b and dies when both are out of sight, and a lock on b.
func deadOfTwo(t *testing.T, o ioc.Options) (h *testHost, letGo func()) {
	t.Helper()
	h = newHost(t, o)
	must(t, h.JailsGenerator("a", "b").Create(ioc.CreateOptions{}))
	run := h.JailsGenerator("a", "b").Destroy(ioc.DestroyOptions{}).Start(t.Context())
	gone := 0
	for ev := range run.Events() {
		if ev.Type() == "storage.destroy" && ev.Done() {
			if gone++; gone == 2 {
				run.Abort()
			}
		}
	}
	if gone != 2 || len(run.Residue()) == 0 {
		t.Fatalf("%d are gone, and %v is left behind", gone, run.Residue())
	}
	letGo, err := h.Locks().Take("jails/b", false, "test", &events.RunInfo{ID: events.RunID{1}})
	if err != nil {
		t.Fatal(err)
	}
	return h, letGo
}

// TestDeadRunOfTwo: who gets the lock of one of the jails of a dead run does nothing to it before that run is undone, which
// has to wait for whoever has the other one.
func TestDeadRunOfTwo(t *testing.T) {
	differs := ioc.CreateOptions{Properties: map[string]string{"notes": "another one"}}
	t.Run("held", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h, letGo := deadOfTwo(t, ioc.Options{})
			err := want(t, fault.Busy, h.JailGenerator("a").Create(differs))
			if by, ok := errors.AsType[*fault.HeldError](err); !ok || by.Op != "test" || !strings.Contains(err.Error(), "create a: ") {
				t.Errorf("got %v", err)
			}
			must(t, h.JailGenerator("c").Create(differs)) // is nobody's concern
			letGo()
			want(t, fault.Exists, h.JailGenerator("a").Create(differs))
			in(t, h.Jail("a"), jail.Stopped)
			in(t, h.Jail("b"), jail.Stopped)
			h.quiet(t)
		})
	})
	t.Run("let go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h, letGo := deadOfTwo(t, ioc.Options{})
			time.AfterFunc(time.Second, letGo)
			evs := watch(t, erase(h.JailGenerator("a").Start()), nil)
			if got := eventstest.Outline(evs); evs[len(evs)-1].Err != nil || !strings.Contains(got, "end lock.wait jails/a: succeeded") {
				t.Errorf("got\n%s", got)
			}
			in(t, h.Jail("a"), jail.Running)
			in(t, h.Jail("b"), jail.Stopped)
			h.quiet(t)
		})
	})
	t.Run("two", func(t *testing.T) { // each has one of the jails, and so keeps the other from recovering
		h, letGo := deadOfTwo(t, ioc.Options{Wait: time.Minute})
		letGo()
		ended := make(chan error, 2)
		for _, name := range []string{"a", "b"} {
			go func() {
				_, err := h.JailGenerator(name).Start().Do(t.Context(), eventstest.Watch(t))
				ended <- err
			}()
		}
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Error(err)
		}
		in(t, h.Jail("a"), jail.Running)
		in(t, h.Jail("b"), jail.Running)
		h.quiet(t)
	})
}
