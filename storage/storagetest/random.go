package storagetest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// together uses several jails at once, each in its own goroutine, through handles of their own.
func (s *suite) together() {
	before := s.w.State(s)
	base := s.release("base")
	content := s.look(base)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := &suite{TB: s.TB, t: s.t, w: s.w, d: s.w.Driver(s.TB)}
			err := s.life(storage.Jail(storage.Name(fmt.Sprint("j", i))), storage.Jail(storage.Name(fmt.Sprint("k", i))))
			if err != nil {
				s.Errorf("jail %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	s.same("the release", s.look(base), content)
	for i := range 8 {
		s.same("a jail", s.look(storage.Jail(storage.Name(fmt.Sprint("j", i)))), content)
	}
	s.empty(before)
}

// life lets a jail be made, cloned, changed and rolled back. It calls nothing that ends a test: it
// is not on the test's goroutine.
func (s *suite) life(a, b storage.Dataset) error {
	for _, plan := range []func() (storage.Change, error){
		func() (storage.Change, error) { return s.d.Clone(ctx, baseRelease.Now(), a, storage.CloneOptions{}) },
		func() (storage.Change, error) { return s.d.Snapshot(ctx, a, "s", storage.SnapshotOptions{}) },
		func() (storage.Change, error) { return s.d.WriteFile(ctx, a, "config.json", []byte(a.Name)) },
		func() (storage.Change, error) { return s.d.Clone(ctx, a.At("s"), b, storage.CloneOptions{}) },
		func() (storage.Change, error) { return s.d.Snapshot(ctx, b, "t", storage.SnapshotOptions{}) },
		func() (storage.Change, error) { return s.d.Rollback(ctx, a, "s", storage.RollbackOptions{}) },
		func() (storage.Change, error) {
			return s.d.Rename(ctx, b, storage.Jail("r"+b.Name), storage.RenameOptions{})
		},
		func() (storage.Change, error) {
			return s.d.DestroySnapshot(ctx, storage.Jail("r"+b.Name), "t", storage.SnapshotOptions{})
		},
		func() (storage.Change, error) {
			return s.d.Destroy(ctx, storage.Jail("r"+b.Name), storage.DestroyOptions{})
		},
	} {
		c, err := plan()
		if err == nil {
			err = s.run(c)
		}
		if err != nil {
			return err
		}
		if _, err := s.d.List(ctx, storage.Jails); err != nil {
			return err
		}
	}
	return nil
}

// random does random changes to random jails, commits some and undoes others, and after each looks
// at all jails: only what was to change may have.
func (s *suite) random() {
	runs, steps := 4, 40
	switch {
	case os.Getenv("IOC_LONG") != "":
		runs, steps = 100, 120
	case spared(s.w) >= Points:
		runs = 1
	}
	for seed := range runs {
		s.t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			s := s.sub(t)
			before := s.w.State(t)
			r := &player{suite: s, rand: rand.New(rand.NewPCG(uint64(seed), 1)), jails: map[storage.Name]*model{}}
			r.rel = s.release("base")
			r.content = s.look(r.rel)
			for i := range steps {
				r.step()
				if r.check(); t.Failed() {
					t.Logf("step %d of seed %d; what was done:", i, seed)
					for _, line := range r.log {
						t.Log(line)
					}
					t.FailNow()
				}
			}
			for n, m := range r.jails {
				r.past(storage.Jail(n), m.snaps)
			}
			s.empty(before)
		})
	}
}

// model is what a jail must look like.
type model struct {
	now   []string
	order []storage.SnapshotName
	snaps map[storage.SnapshotName][]string
}

type player struct {
	*suite
	rand    *rand.Rand
	rel     storage.Dataset
	content []string
	jails   map[storage.Name]*model
	made    int
	log     []string
}

func (p *player) check() {
	p.Helper()
	for n, m := range p.jails {
		d := storage.Jail(n)
		p.same("jail "+string(n), p.look(d), m.now)
		if got, want := p.snapshots(d), fmt.Sprint(m.order); "["+got+"]" != want {
			p.Errorf("snapshots of %s: [%s], want %s", n, got, want)
		}
	}
	p.same("the release", p.look(p.rel), p.content)
}

// play applies a change and, one time in three, undoes it. It reports whether it stands.
func (p *player) play(what string, c storage.Change, err error) bool {
	p.Helper()
	if errors.Is(err, fault.Busy) || errors.Is(err, fault.NoSpace) {
		p.log = append(p.log, what+": "+err.Error())
		return false
	}
	if err != nil {
		p.log = append(p.log, what)
		p.Errorf("%s: %v", what, err)
		return false
	}
	if p.rand.IntN(3) == 0 {
		p.log = append(p.log, what+", undone")
		p.do(c)
		p.undo(c)
		return false
	}
	p.log = append(p.log, what)
	p.must(c, nil)
	return true
}

func (p *player) step() {
	names := make([]storage.Name, 0, len(p.jails))
	for n := range p.jails {
		names = append(names, n)
	}
	slices.Sort(names)
	if len(names) == 0 || len(names) < 5 && p.rand.IntN(5) == 0 {
		p.clone1(names)
		return
	}
	n := names[p.rand.IntN(len(names))]
	d, m := storage.Jail(n), p.jails[n]
	switch p.rand.IntN(8) {
	case 0, 1, 2:
		var edits []Edit
		for range 1 + p.rand.IntN(6) {
			edits = append(edits, p.anyEdit())
		}
		p.log = append(p.log, fmt.Sprintf("edit %s %+v", n, edits))
		p.edit(d, edits...)
		m.now = p.look(d)
	case 3:
		p.made++
		name := storage.SnapshotName(fmt.Sprint("s", p.made))
		c, err := p.d.Snapshot(ctx, d, name, storage.SnapshotOptions{})
		if p.play(fmt.Sprintf("snapshot %s@%s", n, name), c, err) {
			m.order, m.snaps[name] = append(m.order, name), m.now
		}
	case 4:
		if len(m.order) == 0 {
			return
		}
		i := p.rand.IntN(len(m.order))
		name := m.order[i]
		c, err := p.d.Rollback(ctx, d, name, storage.RollbackOptions{DestroyNewer: true})
		if p.play(fmt.Sprintf("rollback %s@%s", n, name), c, err) {
			for _, gone := range m.order[i+1:] {
				delete(m.snaps, gone)
			}
			m.order, m.now = m.order[:i+1:i+1], m.snaps[name]
		}
	case 5:
		if len(m.order) == 0 {
			return
		}
		i := p.rand.IntN(len(m.order))
		name := m.order[i]
		c, err := p.d.DestroySnapshot(ctx, d, name, storage.SnapshotOptions{})
		if p.play(fmt.Sprintf("destroy %s@%s", n, name), c, err) {
			m.order = slices.Delete(slices.Clone(m.order), i, i+1)
			delete(m.snaps, name)
		}
	case 6:
		p.made++
		to := storage.Name(fmt.Sprint("j", p.made))
		c, err := p.d.Rename(ctx, d, storage.Jail(to), storage.RenameOptions{})
		if p.play(fmt.Sprintf("rename %s %s", n, to), c, err) {
			delete(p.jails, n)
			p.jails[to] = m
		}
	case 7:
		if p.rand.IntN(2) == 0 {
			return
		}
		c, err := p.d.Destroy(ctx, d, storage.DestroyOptions{})
		if p.play(fmt.Sprintf("destroy %s", n), c, err) {
			delete(p.jails, n)
		}
	}
}

func (p *player) clone1(names []storage.Name) {
	p.made++
	n := storage.Name(fmt.Sprint("j", p.made))
	from, look := p.rel.Now(), p.content
	if len(names) > 0 && p.rand.IntN(2) == 0 {
		src := names[p.rand.IntN(len(names))]
		m := p.jails[src]
		from, look = storage.Jail(src).Now(), m.now
		if len(m.order) > 0 && p.rand.IntN(2) == 0 {
			s := m.order[p.rand.IntN(len(m.order))]
			from, look = storage.Jail(src).At(s), m.snaps[s]
		}
	}
	o := storage.CloneOptions{Thick: p.rand.IntN(4) == 0}
	c, err := p.d.Clone(ctx, from, storage.Jail(n), o)
	if p.play(fmt.Sprintf("clone %s %s %+v", from, n, o), c, err) {
		p.jails[n] = &model{now: look, snaps: map[storage.SnapshotName][]string{}}
	}
}

// anyEdit changes one of few names, so that the same are deleted and made again in other forms.
func (p *player) anyEdit() Edit {
	name := func() string {
		path := []string{"home", "var", "etc", "a", "b"}[p.rand.IntN(5)]
		for range p.rand.IntN(3) {
			path += "/" + []string{"a", "b", "user", "db"}[p.rand.IntN(4)]
		}
		return path
	}
	e := Edit{Path: name(), May: true}
	switch p.rand.IntN(8) {
	case 0, 1:
		e.Op, e.Data = Write, fmt.Append(nil, p.rand.IntN(100))
	case 2, 3:
		e.Op = Mkdir
	case 4:
		e.Op = Remove
	case 5:
		e.Op, e.To = Symlink, name()
	case 6:
		e.Op, e.Mode = Chmod, fs.FileMode(0o700+p.rand.IntN(64))
	case 7:
		e.Op, e.To = Rename, name()
	}
	return e
}

// Benchmark measures a jail's short life: clone, snapshot, destroy, each with its commit.
func Benchmark(b *testing.B, w World) {
	s := &suite{TB: b, w: w, d: w.Driver(b)}
	base := s.release("base")
	web := storage.Jail("bench")
	b.Run("CloneSnapshotDestroy", func(b *testing.B) {
		for b.Loop() {
			s.must(s.d.Clone(ctx, base.Now(), web, storage.CloneOptions{}))
			s.must(s.d.Snapshot(ctx, web, "s", storage.SnapshotOptions{}))
			s.must(s.d.Destroy(ctx, web, storage.DestroyOptions{}))
		}
	})
	b.Run("Clone", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			s.must(s.d.Clone(ctx, base.Now(), storage.Jail(storage.Name(fmt.Sprint("c", n))), storage.CloneOptions{}))
		}
		b.StopTimer()
		for i := range n {
			s.must(s.d.Destroy(ctx, storage.Jail(storage.Name(fmt.Sprint("c", i+1))), storage.DestroyOptions{}))
		}
	})
	b.Run("Snapshot", func(b *testing.B) {
		s.must(s.d.Clone(ctx, base.Now(), web, storage.CloneOptions{}))
		for b.Loop() {
			s.edit(web, put("etc/motd", "x"))
			s.must(s.d.Snapshot(ctx, web, "s", storage.SnapshotOptions{}))
			s.must(s.d.DestroySnapshot(ctx, web, "s", storage.SnapshotOptions{}))
		}
	})
}
