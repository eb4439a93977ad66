package journal

import "testing"

// TestUnknownBoot: volatile effects are dropped only if it is known that the machine was rebooted, and the
// boot is the same only if that is known.
func TestUnknownBoot(t *testing.T) {
	var unknown BootID
	for _, tc := range []struct {
		name         string
		wrote, reads BootID
		same, gone   bool
	}{
		{name: "same", wrote: BootID{1}, reads: BootID{1}, same: true},
		{name: "different", wrote: BootID{1}, reads: BootID{2}, gone: true},
		{name: "unknown", wrote: unknown, reads: unknown},
		{name: "unknown-then", wrote: unknown, reads: BootID{1}},
		{name: "unknown-now", wrote: BootID{1}, reads: unknown},
		{name: "same-time", wrote: ofTime(1795339812), reads: ofTime(1795339812), same: true},
		{name: "different-time", wrote: ofTime(1795339812), reads: ofTime(1795339813)},
		{name: "time-then", wrote: ofTime(1795339812), reads: BootID{1}},
		{name: "no-time", wrote: ofTime(0), reads: ofTime(0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld()
			before, after := Memory(), new(Journal)
			before.opts.BootID = tc.wrote
			*after = *before
			after.opts.BootID = tc.reads
			if err := w.do(t, before, "vk @k"); err != nil {
				t.Fatal(err)
			}
			w.die(t, before, "va a")
			left, undone := 2, "vk"
			if tc.gone {
				left, undone = 1, "va vk"
			}
			for dead, err := range after.Pending() {
				if err != nil || dead.SameBoot != tc.same || len(dead.Pending) != left {
					t.Errorf("Pending: %+v, %v", dead, err)
				}
			}
			if out := recoverAll(t, after, w); out != (Recovered{Runs: 1, Undone: left}) {
				t.Errorf("Recover: %+v", out)
			}
			wantWorld(t, w, undone)
			if h, ok, err := after.Lookup("k"); err != nil || !ok || h.SameBoot != tc.same {
				t.Errorf("Lookup: %+v, %t, %v", h, ok, err)
			}
			if err := w.do(t, after, "vmore +k"); err != nil && !tc.gone {
				t.Errorf("extending what was retained: %v", err)
			}
			if _, err := after.Release("k", w.registry()).Do(t.Context()); err != nil {
				t.Error(err)
			}
			wantClean(t, after)
		})
	}
}

// TestUnknownBootOfARecovery: a recovery that does not know its boot does not lose what it did.
func TestUnknownBootOfARecovery(t *testing.T) {
	j, w := Memory(), newWorld()
	w.die(t, j, "va")
	blind := *j
	blind.opts.BootID = BootID{}
	w.fail["va"] = errTest
	if out := recoverAll(t, &blind, w); out != (Recovered{Runs: 1, Residue: 1}) {
		t.Errorf("Recover: %+v", out)
	}
	delete(w.fail, "va")
	if out := recoverAll(t, j, w); out != (Recovered{Runs: 1, Undone: 1}) {
		t.Errorf("Recover: %+v", out)
	}
	wantWorld(t, w, "")
	wantClean(t, j)
}
