package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// machine is a disk, a world, and a journal over them: all that a crash leaves.
type machine struct {
	t    *testing.T
	d    *disk
	w    *world
	boot byte
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, d: newDisk(), w: newWorld(), boot: 1}
	m.w.step = func() error { return m.d.change("world") }
	m.d.onDie = func() { m.w.gone = true }
	return m
}

func (m *machine) journal() *Journal {
	return newJournal(m.d, Options{SlotSize: headerSize + 4*sector, BootID: BootID{m.boot}})
}

// crash ends the machine's processes; with rng the power goes, too.
func (m *machine) crash(rng *rand.Rand) {
	if rng == nil {
		m.d.kill()
	} else {
		m.d = m.d.crash(rng)
		m.d.onDie = func() { m.w.gone = true }
		m.boot++
		m.w.reboot()
	}
	m.w.gone = false
}

func (m *machine) run(words string) error {
	j := m.journal()
	m.w.j = j
	_, err := m.w.op(words).Do(m.t.Context(), events.WithJournal(j), events.WithRegistry(m.w.registry()))
	return err
}

func (m *machine) recover() error {
	_, err := m.journal().Recover(m.w.registry()).Do(m.t.Context())
	return err
}

// programs, and the worlds that may be found after a crash and its recovery. Each begins with "x y"
// and with what before did.
var programs = []struct {
	before, words string
	worlds        []string
	held          string // under which the last world is kept
}{
	{"", "a b c", []string{"x y", "a b c x y"}, ""},
	{"", "va vb", []string{"x y", "va vb x y"}, ""},
	{"", "a va b vb c fail", []string{"x y"}, ""},
	{"", "a va !x b !y", []string{"x y", "a b va"}, ""},
	{"", "a va !x b | c vc !y d", []string{"x y", "a b va y", "a b c d va vc"}, ""},
	{"", "a | b | c | d | e | f | g | h | i | k | l | m | n | o | p | q", nil, ""},
	{"", "va vb @jail/w", []string{"x y", "va vb x y"}, "jail/w"},
	{"", "a va b !x @jail/w", []string{"x y", "a b va y"}, "jail/w"},
	{"", "a @k1 | b vb @k2", []string{"x y", "a x y", "a b vb x y"}, "k2"},
	{"", "a @jail/w | b vb", []string{"x y", "a x y", "a b vb x y"}, "jail/w"},
	{"a va @jail/w", "c vc +jail/w", []string{"a va x y", "a c va vc x y"}, "jail/w"},
	{"va @jail/w", "vc +jail/w", []string{"va x y", "va vc x y"}, "jail/w"},
	{"a va b @jail/w", "-jail/w", []string{"a b va x y", "x y"}, ""},
	{"va vb @jail/w", "-jail/w", []string{"va vb x y", "x y"}, ""},
	{"a va b @jail/w", "-jail/w c vc @jail/w", []string{"a b va x y", "x y", "c vc x y"}, "jail/w"},
	{"", "a va ^x b fail", []string{"x y", "new y"}, ""},
	{"", "a | ^x b ~y fail", []string{"x y", "a x y", "a new y", "a new"}, ""},
	{"a va ~x b @jail/w", "-jail/w", []string{"a b va x y", "y"}, ""},
}

// TestCrashEverywhere ends the process, or the machine, before every change of the disk and of the
// world, also in the recovery, and compares worlds.
func TestCrashEverywhere(t *testing.T) {
	for i, p := range programs {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if p.worlds == nil { // every prefix is sealed
				p.worlds = []string{"x y"}
				for _, name := range splitWords(p.words) {
					if name != "|" {
						w := newWorld()
						for _, n := range append(splitWords(p.worlds[len(p.worlds)-1]), name) {
							w.things[n] = false
						}
						p.worlds = append(p.worlds, w.String())
					}
				}
			}
			seeds := 6
			if testing.Short() {
				seeds = 1
			}
			for prior := range 10 { // runs before it in the same slot
				for seed := range seeds {
					rng := rand.New(rand.NewPCG(uint64(i), uint64(prior<<8+seed)))
					for k := 1; crashAt(t, p.before, p.words, p.worlds, p.held, prior, k, rng); k++ {
					}
				}
			}
		})
	}
}

// crashAt runs words and crashes before change k. false: it ended before.
func crashAt(t *testing.T, before, words string, worlds []string, held string, prior, k int, rng *rand.Rand) bool {
	t.Helper()
	m := newMachine(t)
	for i := range prior {
		name := fmt.Sprintf("prior%0*d", 1+rng.IntN(200), i)
		if rng.IntN(3) == 0 {
			name = "v" + name
		}
		if err := m.run(name + " !" + name); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []string{"x y", before} {
		if err := m.run(w); err != nil {
			t.Fatal(err)
		}
	}
	first := m.d.ops
	m.d.hook = func(_ string, n int) error {
		if n == first+k {
			return errDead
		}
		return nil
	}
	m.d.short = rng.IntN(2) == 0
	err := m.run(words)
	died := m.d.dead
	committed := err == nil
	where := fmt.Sprintf("%q after %d runs, killed before change %d", words, prior, k)
	power := rng.IntN(2) == 0
	next := func() {
		if power {
			where += ", power cut"
			m.crash(rng)
		} else {
			where += ", killed"
			m.crash(nil)
		}
	}
	next()
	for range rng.IntN(maxAttempts) { // the recovery, too; once more, and it would give up
		at := 1 + rng.IntN(12)
		m.d.hook = func(_ string, n int) error {
			if n == at {
				return errDead
			}
			return nil
		}
		_ = m.recover()
		where += fmt.Sprintf(", recovery killed before change %d", at)
		power = power || rng.IntN(4) == 0
		next()
	}
	for dead, err := range m.journal().Pending() {
		if err != nil || dead.Corrupt != nil {
			t.Fatalf("%s: Pending: %v %v", where, err, dead.Corrupt)
		}
	}
	if err := m.recover(); err != nil {
		t.Fatalf("%s: Recover: %v", where, err)
	}
	got := m.w.String()
	want := worlds
	if power {
		want = nil
		for _, w := range worlds {
			want = append(want, withoutVolatile(w))
		}
	}
	at := slices.Index(want, got)
	if at < 0 || committed && got != want[len(want)-1] {
		t.Fatalf("%s (committed: %v): world is %q, want of %q", where, committed, got, want)
	}
	checkHeld(t, m, where, held, at == len(want)-1 && (committed || got != want[0]), power, got != withoutVolatile("x y"))
	if wasHeld := held != "" || strings.HasPrefix(words, "-"); wasHeld && !slices.Contains([]string{"x y", "y"}, m.w.String()) {
		t.Fatalf("%s: after the release of all the world is %q", where, m.w)
	}
	if dirty, err := m.journal().Dirty(); dirty || err != nil {
		t.Fatalf("%s: Dirty() = %v, %v", where, dirty, err)
	}
	if err := m.run("again @again"); err != nil {
		t.Fatalf("%s: the next run: %v", where, err)
	}
	return died
}

// checkHeld compares what is retained with the world: a release leaves nothing of it.
func checkHeld(t *testing.T, m *machine, where, key string, final, power, durable bool) {
	t.Helper()
	for h, err := range m.journal().Held() {
		if err != nil || h.Corrupt != nil {
			t.Fatalf("%s: Held: %v %v", where, err, h.Corrupt)
		}
		if _, err := m.journal().Release(h.Key, m.w.registry()).Do(t.Context()); err != nil {
			t.Fatalf("%s: Release(%s): %v", where, h.Key, err)
		}
		if h.Key == key {
			key = ""
		}
	}
	if final && key != "" && (!power || durable) {
		t.Fatalf("%s: nothing is held under %s, world is %q", where, key, m.w)
	}
}

func withoutVolatile(world string) string {
	w := newWorld()
	for _, name := range splitWords(world) {
		if name[0] != 'v' {
			w.things[name] = false
		}
	}
	return w.String()
}

// TestFaults fails every change of the disk in turn, in every way, and expects the operation to be
// done or undone and the journal to be right afterwards.
func TestFaults(t *testing.T) {
	for _, broken := range []struct {
		name   string
		short  bool
		always bool // from then on
		err    error
		hits   string // the changes that fail
	}{
		{"write", false, false, errors.New("i/o error"), "write extend"},
		{"shortwrite", true, false, errors.New("i/o error"), "write extend"},
		{"full", true, true, errFull, "write extend create"},
		{"growth", true, true, errFull, "extend create"}, // what is there can be overwritten
		{"sync", false, false, errors.New("i/o error"), "sync syncdir"},
		{"rename", false, false, errors.New("i/o error"), "rename"},
		{"remove", false, false, errors.New("i/o error"), "remove"},
	} {
		for i, p := range programs {
			if p.worlds == nil {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", broken.name, i), func(t *testing.T) {
				for k := 1; ; k++ {
					m := newMachine(t)
					for _, w := range []string{"x y", p.before} {
						if err := m.run(w); err != nil {
							t.Fatal(err)
						}
					}
					n, hit := 0, false
					m.d.short = broken.short
					m.d.hook = func(op string, _ int) error {
						if !hasWord(broken.hits, op) {
							return nil
						}
						n++
						if n == k || broken.always && n > k {
							hit = true
							return broken.err
						}
						return nil
					}
					err := m.run(p.words)
					if !hit {
						return
					}
					where := fmt.Sprintf("%q, %s %d fails: %v", p.words, broken.name, k, err)
					m.d.hook, m.d.short = nil, false
					// A compensation that runs an operation needs the log, too. Without it, it is left to recovery.
					left := fault.ExitCode(err) == 2 && strings.ContainsAny(p.before+p.words, "~^")
					if got := m.w.String(); !left && !slices.Contains(p.worlds, got) || err == nil && got != p.worlds[len(p.worlds)-1] {
						t.Errorf("%s: world is %q", where, got)
					}
					for dead, err := range m.journal().Pending() {
						if err != nil || dead.Corrupt != nil {
							t.Errorf("%s: Pending: %v %v", where, err, dead.Corrupt)
						}
					}
					if broken.name == "growth" && err != nil && !left { // the rollback was recorded completely
						if dirty, err := m.journal().Dirty(); dirty || err != nil {
							t.Errorf("%s: before recovery Dirty() = %v, %v", where, dirty, err)
						}
					}
					before := m.w.String()
					if rerr := m.recover(); rerr != nil {
						t.Errorf("%s: Recover: %v", where, rerr)
					}
					if got := m.w.String(); err == nil && got != before || !slices.Contains(p.worlds, got) {
						t.Errorf("%s: after recovery the world is %q", where, got)
					}
					if dirty, err := m.journal().Dirty(); dirty || err != nil {
						t.Errorf("%s: Dirty() = %v, %v", where, dirty, err)
					}
				}
			})
		}
	}
}
