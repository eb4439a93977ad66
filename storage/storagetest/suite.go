package storagetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// thinTests are the tests of an ordinary run in a world that is slow.
const thinTests = "Fill CloneOfJail Rollback DestroySnapshot Diff Stream Rename Destroy Refused UsedSince Effects Deferred"

// Run runs the suite; fresh makes a new, empty world.
func Run(t *testing.T, fresh func(t testing.TB) World) {
	t.Helper()
	spare := false // known when there has been a world; the first test is one of a thin run
	for _, sub := range []struct {
		name string
		f    func(s *suite)
	}{
		{"Fill", (*suite).fill},
		{"FillRemove", (*suite).fillRemove},
		{"Clone", (*suite).clone},
		{"Thick", (*suite).thick},
		{"CloneOfJail", (*suite).cloneOfJail},
		{"CloneWithFiles", (*suite).cloneWithFiles},
		{"Snapshot", (*suite).snapshot},
		{"Rollback", (*suite).rollback},
		{"DestroySnapshot", (*suite).destroySnapshot},
		{"Diff", (*suite).diff},
		{"Stream", (*suite).stream},
		{"WrittenSince", (*suite).writtenSince},
		{"Rename", (*suite).rename},
		{"Destroy", (*suite).destroy},
		{"Files", (*suite).files},
		{"Usage", (*suite).usage},
		{"Refused", (*suite).refused},
		{"Taken", (*suite).taken},
		{"TakenSnapshot", (*suite).takenSnapshot},
		{"UsedSince", (*suite).usedSince},
		{"Effects", (*suite).effects},
		{"Deferred", (*suite).deferred},
		{"Together", (*suite).together},
		{"Random", (*suite).random},
	} {
		t.Run(sub.name, func(t *testing.T) {
			if spare && !slices.Contains(strings.Fields(thinTests), sub.name) {
				t.Skip("it is left to a long run, IOC_LONG=1: each change takes its time here")
			}
			w := fresh(t)
			if !spare {
				spare = thin(w)
			}
			sub.f(&suite{TB: t, t: t, w: w, d: w.Driver(t), fresh: fresh})
		})
	}
}

// suite is one test with its world.
type suite struct {
	testing.TB
	t     *testing.T
	w     World
	d     storage.Driver
	fresh func(t testing.TB) World
}

// sub is the suite in a world of its own.
func (s *suite) sub(t *testing.T) *suite {
	w := s.fresh(t)
	return &suite{TB: t, t: t, w: w, d: w.Driver(t), fresh: s.fresh}
}

var ctx = context.Background() //nolint:gochecknoglobals // tests have no other

// step is the payload of the operations that the suite runs.
type step struct{}

func (step) EventType() string { return "storagetest" }

// run applies changes as one operation, and commits.
func (s *suite) run(changes ...storage.Change) error {
	r := events.NewRegistry()
	s.w.Register(r)
	_, err := events.New(step{}, func(st events.Step) (struct{}, error) {
		for _, c := range changes {
			if err := c.Apply(st); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	}).Do(ctx, events.WithRegistry(r))
	return err
}

// must plans and runs: s.must(s.d.Clone(...)).
func (s *suite) must(c storage.Change, err error) {
	s.Helper()
	if err == nil {
		err = s.run(c)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// want checks that err is of a kind.
func (s *suite) want(what string, err error, kind fault.Kind) {
	s.Helper()
	if !errors.Is(err, kind) {
		s.Errorf("%s: got error %v, want one that is %q", what, err, kind.Name())
	}
}

// same compares lines.
func (s *suite) same(what string, got, want []string) {
	s.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (s *suite) look(d storage.Dataset) []string { s.Helper(); return s.w.Look(s, d) }

// release fills a release with the standard content.
func (s *suite) release(n storage.Name) storage.Dataset {
	s.Helper()
	d := storage.Release(n)
	f, err := s.d.Fill(ctx, d)
	if err != nil {
		s.Fatal(err)
	}
	s.must(f.Stage(), nil)
	s.write(f)
	s.must(f.Publish(), nil)
	return d
}

func (s *suite) write(f storage.Filling) {
	s.Helper()
	tree, err := f.Tree(ctx)
	if err != nil {
		s.Fatal(err)
	}
	if err := errors.Join(base(tree, s.d.Features(ctx)), tree.Close()); err != nil {
		s.Fatal(err)
	}
	if err := f.WriteFile(ctx, "release.json", []byte("{}\n")); err != nil {
		s.Fatal(err)
	}
}

// jail clones a jail from a release or whatever.
func (s *suite) jail(n storage.Name, from storage.Origin) storage.Dataset {
	s.Helper()
	d := storage.Jail(n)
	s.must(s.d.Clone(ctx, from, d, storage.CloneOptions{}))
	return d
}

func (s *suite) snap(d storage.Dataset, n storage.SnapshotName) {
	s.Helper()
	s.must(s.d.Snapshot(ctx, d, n, storage.SnapshotOptions{}))
}

func (s *suite) edit(d storage.Dataset, edits ...Edit) { s.Helper(); s.w.Edit(s, d, edits...) }

// put is the edit that most tests need.
func put(path, data string) Edit { return Edit{Op: Write, Path: path, Data: []byte(data)} }

// names lists the datasets of a kind, broken ones marked.
func (s *suite) names(k storage.Kind) string {
	s.Helper()
	all, err := s.d.List(ctx, k)
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, i := range all {
		n := string(i.Dataset.Name)
		if i.Broken != nil {
			n += "!"
		}
		names = append(names, n)
	}
	return strings.Join(names, " ")
}

// snapshots lists the names of d's snapshots.
func (s *suite) snapshots(d storage.Dataset) string {
	s.Helper()
	all, err := s.d.Snapshots(ctx, d)
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, i := range all {
		names = append(names, string(i.Name))
		if i.Created.IsZero() {
			s.Errorf("snapshot %s of %s has no date", i.Name, d)
		}
	}
	return strings.Join(names, " ")
}

// empty destroys all that the test made, clones before what they came from, and checks that the
// world is as it was.
func (s *suite) empty(before []string) {
	s.Helper()
	for _, k := range []storage.Kind{storage.Jails, storage.Releases} {
		for range 100 {
			all, err := s.d.List(ctx, k)
			if err != nil {
				s.Fatal(err)
			}
			if len(all) == 0 {
				break
			}
			for _, i := range slices.Backward(all) {
				c, err := s.d.Destroy(ctx, i.Dataset, storage.DestroyOptions{})
				if errors.Is(err, fault.Busy) {
					continue // its clones come first
				}
				s.must(c, err)
			}
		}
	}
	s.must(s.d.WriteFile(ctx, storage.Global(), "defaults.json", nil))
	s.same("the world after all was destroyed", s.w.State(s), before)
}
