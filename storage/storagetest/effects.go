package storagetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/storage"
)

// scene is a change, and what must be there before it.
type scene struct {
	name string
	plan func(s *suite) (storage.Change, error)
}

var (
	baseRelease = storage.Release("base")
	web         = storage.Jail("web")
	idle        = storage.Jail("idle")
	plain       = storage.Jail("plain")
)

// stage makes the world that the scenes change: of a slow one what those need that it plays.
func (s *suite) stage() {
	s.Helper()
	s.history(4)
	s.jail("twin", web.At("s2"))
	s.must(s.d.WriteFile(ctx, web, "config.json", []byte("old")))
	if !thin(s.w) {
		s.release("other")
		s.jail("idle", baseRelease.Now())
		s.stagePlain()
	}
}

// stagePlain makes a jail that shares nothing.
func (s *suite) stagePlain() {
	s.Helper()
	s.must(s.d.Clone(ctx, baseRelease.Now(), plain, storage.CloneOptions{Thick: true}))
	s.snap(plain, "p1")
	s.edit(plain, round(1)...)
	s.snap(plain, "p2")
}

// thinScenes are those that a slow world plays in an ordinary run: those whose effects take the most steps.
const thinScenes = `clone_jail rollback_older rename destroy_clone`

// thinDeferred are those of which something is left for after the commit.
const thinDeferred = `rollback_older destroy_with_snapshots`

// scenes are the changes for the world w; few are those for one that is slow.
func scenes(w World, few string) []scene {
	all := allScenes()
	if thin(w) {
		all = slices.DeleteFunc(all, func(sc scene) bool { return !slices.Contains(strings.Fields(few), sc.name) })
	}
	return all
}

// allScenes are all changes there are.
func allScenes() []scene {
	x := storage.Jail("x")
	clone := func(from storage.Origin, o storage.CloneOptions) func(s *suite) (storage.Change, error) {
		return func(s *suite) (storage.Change, error) { return s.d.Clone(ctx, from, x, o) }
	}
	forget := func(d storage.Dataset, n storage.SnapshotName) func(s *suite) (storage.Change, error) {
		return func(s *suite) (storage.Change, error) {
			return s.d.DestroySnapshot(ctx, d, n, storage.SnapshotOptions{})
		}
	}
	rollback := func(d storage.Dataset, n storage.SnapshotName) func(s *suite) (storage.Change, error) {
		return func(s *suite) (storage.Change, error) {
			return s.d.Rollback(ctx, d, n, storage.RollbackOptions{DestroyNewer: true})
		}
	}
	snap := func(d storage.Dataset) func(s *suite) (storage.Change, error) {
		return func(s *suite) (storage.Change, error) { return s.d.Snapshot(ctx, d, "new", storage.SnapshotOptions{}) }
	}
	destroy := func(d storage.Dataset) func(s *suite) (storage.Change, error) {
		return func(s *suite) (storage.Change, error) { return s.d.Destroy(ctx, d, storage.DestroyOptions{}) }
	}
	write := func(name string, data []byte) func(s *suite) (storage.Change, error) {
		return func(s *suite) (storage.Change, error) { return s.d.WriteFile(ctx, web, name, data) }
	}
	files := map[string][]byte{"config.json": []byte("{}\n"), "fstab": {}}
	return []scene{
		{"clone_release", clone(baseRelease.Now(), storage.CloneOptions{})},
		{"clone_files", clone(baseRelease.Now(), storage.CloneOptions{Files: files})},
		{"thick_files", clone(web.Now(), storage.CloneOptions{Files: files, Thick: true})},
		{"clone_jail", clone(web.Now(), storage.CloneOptions{})},
		{"clone_idle_jail", clone(idle.Now(), storage.CloneOptions{})},
		{"clone_snapshot", clone(web.At("s2"), storage.CloneOptions{})},
		{"clone_plain", clone(plain.Now(), storage.CloneOptions{})},
		{"clone_plain_snapshot", clone(plain.At("p1"), storage.CloneOptions{})},
		{"thick_release", clone(baseRelease.Now(), storage.CloneOptions{Thick: true})},
		{"thick_jail", clone(web.Now(), storage.CloneOptions{Thick: true})},
		{"thick_snapshot", clone(web.At("s1"), storage.CloneOptions{Thick: true})},
		{"stage", func(s *suite) (storage.Change, error) {
			f, err := s.d.Fill(ctx, storage.Release("new"))
			return f.Stage(), err
		}},
		{"stage_jail", func(s *suite) (storage.Change, error) {
			f, err := s.d.Fill(ctx, x)
			return f.Stage(), err
		}},
		{"publish", func(s *suite) (storage.Change, error) {
			f, err := s.d.Fill(ctx, storage.Release("new"))
			s.must(f.Stage(), err)
			s.write(f)
			return f.Publish(), nil
		}},
		{"snapshot", snap(web)},
		{"snapshot_idle", snap(idle)},
		{"snapshot_plain", snap(plain)},
		{"compare", func(s *suite) (storage.Change, error) {
			c, _, err := s.d.(storage.Differ).Compare(ctx, web, "s1", "s3")
			return c, err
		}},
		{"rollback_newest", rollback(web, "s4")},
		{"rollback_older", rollback(web, "s2")},
		{"rollback_plain", rollback(plain, "p1")},
		{"forget_newest", forget(web, "s4")},
		{"forget_middle", forget(web, "s3")},
		{"forget_shared", forget(web, "s2")},
		{"forget_plain", forget(plain, "p1")},
		{"rename", func(s *suite) (storage.Change, error) { return s.d.Rename(ctx, web, x, storage.RenameOptions{}) }},
		{"rename_release", func(s *suite) (storage.Change, error) {
			return s.d.Rename(ctx, storage.Release("other"), storage.Release("new"), storage.RenameOptions{})
		}},
		{"destroy_idle", destroy(idle)},
		{"destroy_clone", destroy(storage.Jail("twin"))},
		{"destroy_with_snapshots", destroy(plain)},
		{"destroy_release", destroy(storage.Release("other"))},
		{"write_new", write("fstab", []byte("# new"))},
		{"write_old", write("config.json", []byte("new"))},
		{"write_end", write("config.json", nil)},
		{"write_global", func(s *suite) (storage.Change, error) {
			return s.d.WriteFile(ctx, storage.Global(), "defaults.json", []byte("{}"))
		}},
	}
}

// effects does every effect of every change, undoes it in all the ways that the contract names, and
// looks whether the world is as it was. So a slow world serves one scene after the other.
func (s *suite) effects() {
	if thin(s.w) {
		s.stage()
	}
	for _, sc := range scenes(s.w, thinScenes) {
		s.t.Run(sc.name, func(t *testing.T) {
			s, _ := s.scene(t)
			c, err := sc.plan(s)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Do) == 0 && sc.name != "compare" { // which some can do by looking
				t.Fatal("the change has no effects")
			}
			for _, e := range slices.Concat(c.Do, c.After) {
				if named, ok := e.(events.Titled); !ok || named.EventTitle() == "" {
					t.Errorf("%s has no title for people", e.EventType())
				}
			}
			var states [][]string
			for _, e := range c.Do {
				states = append(states, s.w.State(t))
				s.undoing(e, states[len(states)-1])
			}
			for i, e := range slices.Backward(c.Do) {
				s.twice(e.EventType(), e)
				s.same("the world after the undo of "+e.EventType(), s.w.State(t), states[i])
			}
		})
	}
}

// scene is the suite in a world that is staged: its own, and how that was before, or, of a slow one, the one of all scenes.
func (s *suite) scene(t *testing.T) (own *suite, empty []string) {
	if thin(s.w) {
		return &suite{TB: t, t: t, w: s.w, d: s.d, fresh: s.fresh}, nil
	}
	t.Parallel()
	own = s.sub(t)
	empty = own.w.State(t)
	own.stage()
	return own, empty
}

// undoing leaves e done.
func (s *suite) undoing(e events.Effect, before []string) {
	s.Helper()
	name, planned := encode(s, s.w, e)
	s.twice(name+" that was never done", decode(s, s.w, name, planned))
	s.same("the world after the undo of what was never done", s.w.State(s), before)

	if crasher, ok := s.w.(Crasher); ok {
		s.crashes(crasher, name, planned, before)
	}
	again := decode(s, s.w, name, planned)
	if err := again.Do(ctx); err != nil {
		s.Fatalf("%s: %v", name, err)
	}
	after := s.w.State(s)
	if slices.Equal(before, after) {
		s.Errorf("%s changed nothing", name)
	}
	s.twice(name+" in another process, which knows only the plan", decode(s, s.w, name, planned))
	s.same("the world after that", s.w.State(s), before)

	if err := e.Do(ctx); err != nil {
		s.Fatalf("%s, done again: %v", name, err)
	}
	_, learned := encode(s, s.w, e)
	s.twice(name+" in another process", decode(s, s.w, name, learned))
	s.same("the world after that", s.w.State(s), before)
	if err := e.Do(ctx); err != nil {
		s.Fatalf("%s, done for the third time: %v", name, err)
	}
}

func (s *suite) twice(what string, e events.Effect) {
	s.Helper()
	for i := range 2 {
		if err := e.Undo(ctx); err != nil {
			s.Fatalf("undo number %d of %s: %v", i+1, what, err)
		}
	}
}

// crashes kills Do, and then Undo, at each of their points.
func (s *suite) crashes(w Crasher, name string, params []byte, before []string) {
	s.Helper()
	kill := func(undo bool, n int) bool {
		job, err := json.Marshal(Job{Name: name, Params: params, Undo: undo, Point: n})
		if err != nil {
			s.Fatal(err)
		}
		return w.Crash(s, job)
	}
	first, step := 1, 1
	if spared(s.w) >= Points {
		first, step = 1+len(s.t.Name())%4, 100 // any but the same; behind the last one it is not killed at all
	}
	for n := first; ; n += step {
		finished := kill(false, n)
		s.twice(fmt.Sprintf("%s, killed at point %d", name, n), decode(s, s.w, name, params))
		s.same(fmt.Sprintf("the world after %s was killed at point %d and undone", name, n), s.w.State(s), before)
		if finished || step > 1 {
			break
		}
	}
	for n := first; ; n += step {
		if err := decode(s, s.w, name, params).Do(ctx); err != nil {
			s.Fatalf("%s: %v", name, err)
		}
		finished := kill(true, n)
		s.twice(fmt.Sprintf("%s, whose undo was killed at point %d", name, n), decode(s, s.w, name, params))
		s.same(fmt.Sprintf("the world after the undo of %s was killed at point %d and repeated", name, n), s.w.State(s), before)
		if finished || step > 1 {
			return
		}
	}
}

// Job is what a child process does for a crash test.
type Job struct {
	Name   string
	Params json.RawMessage
	Undo   bool
	Point  int // at which it kills itself, counted from 1
}

// Child does a Job and returns, unless the effect has so many points that the process is killed.
func Child(r *events.Registry, in io.Reader) error {
	var job Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return err
	}
	e, err := r.Decode(job.Name, job.Params)
	if err != nil {
		return err
	}
	n := 0
	ctx := storage.WithPoints(ctx, func(string) {
		if n++; n != job.Point {
			return
		}
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			panic(err)
		}
		select {} // until the signal comes
	})
	if job.Undo {
		return e.Undo(ctx)
	}
	return e.Do(ctx)
}

// deferred does what comes after a commit twice, killed at each of its points: no dataset changes,
// and nothing is left in the end.
func (s *suite) deferred() {
	if thin(s.w) {
		defer s.empty(s.w.State(s))
		s.stage()
		s.stagePlain()
	}
	for _, sc := range scenes(s.w, thinDeferred) {
		s.t.Run(sc.name, func(t *testing.T) {
			s, empty := s.scene(t)
			c, err := sc.plan(s)
			if err != nil {
				t.Fatal(err)
			}
			s.do(c)
			looks := s.all()
			for _, e := range c.After {
				name, params := encode(t, s.w, e)
				if w, ok := s.w.(Crasher); ok && spared(s.w) < Points {
					for n := 1; ; n++ {
						job, err := json.Marshal(Job{Name: name, Params: params, Point: n})
						if err != nil {
							t.Fatal(err)
						}
						if w.Crash(t, job) {
							break
						}
					}
				}
				for range 2 {
					if err := decode(t, s.w, name, params).Do(ctx); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
			}
			if sc.name == "stage" || sc.name == "stage_jail" {
				s.undo(c) // it has no name to be destroyed by
			}
			for d, want := range looks {
				s.same(d.String()+" after the commit", s.look(d), want)
			}
			if !thin(s.w) {
				s.empty(empty)
			}
		})
	}
}

// glance wants what is in sight to be what is in the list.
func (s *suite) glance(k storage.Kind, all []storage.Info) {
	s.Helper()
	g, ok := s.d.(storage.Glancer)
	if !ok {
		return
	}
	var want, got []string
	for _, i := range all {
		want = append(want, string(i.Dataset.Name)+" "+i.Dir)
	}
	seen, err := g.Glance(ctx, k)
	for _, i := range seen {
		got = append(got, string(i.Name)+" "+i.Dir)
	}
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		s.Errorf("%s in sight are %q, %v; in the list are %q", k, got, err, want)
	}
}

// survey wants of each what it is told alone.
func (s *suite) survey(k storage.Kind, all []storage.Info) {
	s.Helper()
	d, ok := s.d.(storage.Surveyor)
	if !ok {
		return
	}
	got, err := d.Survey(ctx, k)
	if err != nil || len(got) != len(all) {
		s.Errorf("the survey of %s has %d, %v; want %d", k, len(got), err, len(all))
	}
	for _, i := range all {
		usage, err := s.d.Usage(ctx, i.Dataset)
		snapshots, listErr := s.d.Snapshots(ctx, i.Dataset)
		is, there := got[i.Dataset.Name]
		if err := errors.Join(err, listErr); err != nil || !there || is.Snapshots != len(snapshots) || (is.Used == 0) != (usage.Used == 0) {
			s.Errorf("the survey says of %s %+v, alone it is %+v with %d snapshots, %v", i.Dataset, is, usage, len(snapshots), err)
		}
	}
}

// all gives what all datasets look like.
func (s *suite) all() map[storage.Dataset][]string {
	s.Helper()
	looks := map[storage.Dataset][]string{}
	for _, k := range []storage.Kind{storage.Releases, storage.Jails} {
		all, err := s.d.List(ctx, k)
		if err != nil {
			s.Fatal(err)
		}
		for _, i := range all {
			if err := errors.Join(i.Broken); err != nil {
				s.Fatal(err)
			}
			looks[i.Dataset] = s.look(i.Dataset)
		}
		s.glance(k, all)
		s.survey(k, all)
	}
	return looks
}
