package eventstest_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/journal"
)

func TestMain(m *testing.M) {
	idle := filesScenario("no-recovery", nil)
	idle.Recover = func(string) (eventstest.Operation, error) {
		return eventstest.Run(events.New(&events.Named{Type: "idle"}, func(events.Step) (int, error) { return 0, nil })), nil
	}
	eventstest.Child(filesScenario("programs", nil), filesScenario("sweep", nil), filesScenario("breaks-rule", nil), idle, releaseScenario())
	goleak.VerifyTestMain(m)
}

// long tells whether the long tests are wanted.
func long() bool { return os.Getenv("IOC_LONG") != "" }

// checks makes rapid run n checks; its own flag, if given, wins.
func checks(t *testing.T, n string) {
	t.Helper()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if set {
		return
	}
	f := flag.Lookup("rapid.checks")
	old := f.Value.String()
	if err := f.Value.Set(n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(old) })
}

// filesScenario runs the program that is in its directory; p is what Setup puts there.
func filesScenario(name string, p *eventstest.Program) eventstest.Scenario {
	open := func(dir string) (*eventstest.Program, eventstest.Files, *journal.Journal, error) {
		var p eventstest.Program
		text, err := os.ReadFile(filepath.Join(dir, "program.json"))
		if err == nil {
			err = json.Unmarshal(text, &p)
		}
		j, err2 := journal.Open(filepath.Join(dir, "journal"), journal.Options{Durability: journal.KillSafe})
		return &p, eventstest.Files{Dir: filepath.Join(dir, "files")}, j, errors.Join(err, err2)
	}
	return eventstest.Scenario{
		Name: name,
		Setup: func(dir string) error {
			text, err := json.Marshal(p)
			return errors.Join(err, os.WriteFile(filepath.Join(dir, "program.json"), text, 0o600),
				eventstest.Files{Dir: filepath.Join(dir, "files")}.Seed(p))
		},
		Operation: func(dir string) (eventstest.Operation, error) {
			p, files, j, err := open(dir)
			if err != nil {
				return eventstest.Operation{}, err
			}
			op, reg := p.Operation(files)
			return eventstest.Run(op, events.WithJournal(j), events.WithRegistry(reg), events.PanicsAsErrors()), nil
		},
		Recover: func(dir string) (eventstest.Operation, error) {
			p, files, j, err := open(dir)
			if err != nil {
				return eventstest.Operation{}, err
			}
			_, reg := p.Operation(files)
			return eventstest.Run(j.Recover(reg)), nil
		},
		Clean: func(dir string) error {
			_, _, j, err := open(dir)
			if err != nil {
				return err
			}
			if dirty, err := j.Dirty(); dirty || err != nil {
				return errors.Join(errors.New("the journal is dirty"), err)
			}
			return nil
		},
		Snapshot: func(dir string) (string, error) { return eventstest.Tree(filepath.Join(dir, "files")) },
	}
}

// releaseScenario is what stopping a jail is: the release of what its start retained.
func releaseScenario() eventstest.Scenario {
	s := filesScenario("release", &eventstest.Program{Root: eventstest.Body{Do: []eventstest.Item{
		{Kind: eventstest.Applies, Learn: true}, {Kind: eventstest.Acts, Learn: true}, {Kind: eventstest.Applies},
	}}, Retain: "jail/web"})
	start := s.Operation
	s.Forward = true
	s.Before = func(dir string) (eventstest.Operation, error) {
		return start(dir)
	}
	s.Operation = func(dir string) (eventstest.Operation, error) {
		j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Durability: journal.KillSafe})
		if err != nil {
			return eventstest.Operation{}, err
		}
		_, reg := (&eventstest.Program{}).Operation(eventstest.Files{Dir: filepath.Join(dir, "files")})
		return eventstest.Run(j.Release("jail/web", reg)), nil
	}
	return s
}
