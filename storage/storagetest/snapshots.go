package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// history makes the jail web with n snapshots s1, s2, ... and something written after the last, and
// gives what each looked like; the last element is the present.
func (s *suite) history(n int) (storage.Dataset, [][]string) {
	s.Helper()
	web := s.jail("web", s.release("base").Now())
	var looks [][]string
	for i := 1; ; i++ {
		s.edit(web, round(i)...)
		looks = append(looks, s.look(web))
		if i > n {
			return web, looks
		}
		s.snap(web, storage.SnapshotName(fmt.Sprint("s", i)))
		s.same("a jail after its snapshot", s.look(web), looks[i-1])
	}
}

// past checks what the snapshots look like, by clones of them.
func (s *suite) past(d storage.Dataset, want map[storage.SnapshotName][]string) {
	s.Helper()
	for n, look := range want {
		c := s.jail("probe", d.At(n))
		s.same(fmt.Sprintf("%s@%s", d, n), s.look(c), look)
		s.edit(c, Edit{Op: Write, Path: "etc/motd", Data: []byte("written by a clone"), May: true})
		s.must(s.d.Destroy(ctx, c, storage.DestroyOptions{}))
	}
}

func (s *suite) snapshot() {
	before := s.w.State(s)
	web, looks := s.history(3)
	if got := s.snapshots(web); got != "s1 s2 s3" {
		s.Errorf("snapshots: %q, want s1 s2 s3", got)
	}
	// Two of the same state.
	s.snap(web, "s4")
	s.snap(web, "s5")
	now := looks[3]
	s.past(web, map[storage.SnapshotName][]string{"s1": looks[0], "s2": looks[1], "s3": looks[2], "s4": now, "s5": now})
	s.same("the jail", s.look(web), now)
	// Small files are not of the root file system.
	s.must(s.d.WriteFile(ctx, web, "config.json", []byte("new")))
	s.must(s.d.Rollback(ctx, web, "s5", storage.RollbackOptions{}))
	if data, err := s.d.ReadFile(ctx, web, "config.json"); string(data) != "new" {
		s.Errorf("config.json after a rollback: %q, %v", data, err)
	}
	// A snapshot of a jail in which nothing was ever written.
	idle := s.jail("idle", storage.Release("base").Now())
	s.snap(idle, "none")
	empty := s.look(idle)
	s.edit(idle, round(1)...)
	s.must(s.d.Rollback(ctx, idle, "none", storage.RollbackOptions{}))
	s.same("a jail rolled back to its beginning", s.look(idle), empty)
	s.empty(before)
}

func (s *suite) rollback() {
	before := s.w.State(s)
	web, looks := s.history(4)
	_, err := s.d.Rollback(ctx, web, "s2", storage.RollbackOptions{})
	newer, ok := errors.AsType[*storage.NewerError](err)
	if !ok || !slices.Equal(newer.Snapshots, []storage.SnapshotName{"s3", "s4"}) || !errors.Is(err, fault.Busy) {
		s.Errorf("rollback behind snapshots: %v, want a NewerError that names s3 and s4", err)
	}
	s.must(s.d.Rollback(ctx, web, "s4", storage.RollbackOptions{}))
	s.same("the jail, rolled back to s4", s.look(web), looks[3])
	if got := s.snapshots(web); got != "s1 s2 s3 s4" {
		s.Errorf("snapshots: %q, want s1 s2 s3 s4", got)
	}
	s.edit(web, round(7)...)
	s.must(s.d.Rollback(ctx, web, "s4", storage.RollbackOptions{}))
	s.same("the jail, rolled back to s4 again", s.look(web), looks[3])

	// One of the newer snapshots has a clone.
	twin := s.jail("twin", web.At("s3"))
	c, err := s.d.Rollback(ctx, web, "s2", storage.RollbackOptions{DestroyNewer: true})
	if used, ok := errors.AsType[*storage.UsersError](err); ok && !s.d.Features(ctx).Independent {
		if !slices.Equal(used.By, []storage.Dataset{twin}) {
			s.Errorf("rollback behind a snapshot with a clone: used by %v, want %s", used.By, twin)
		}
		s.same("the jail, after that was refused", s.look(web), looks[3])
		s.must(s.d.Destroy(ctx, twin, storage.DestroyOptions{}))
		c, err = s.d.Rollback(ctx, web, "s2", storage.RollbackOptions{DestroyNewer: true})
		twin = storage.Dataset{}
	}
	s.must(c, err)
	s.same("the jail, rolled back to s2", s.look(web), looks[1])
	if got := s.snapshots(web); got != "s1 s2" {
		s.Errorf("snapshots: %q, want s1 s2", got)
	}
	if twin != (storage.Dataset{}) {
		s.same("the clone of s3", s.look(twin), looks[2])
	}
	s.past(web, map[storage.SnapshotName][]string{"s1": looks[0], "s2": looks[1]})
	s.edit(web, round(8)...)
	s.snap(web, "s3") // the name is free
	s.empty(before)
}

func (s *suite) destroySnapshot() {
	before := s.w.State(s)
	order := []int{3, 5, 2, 1, 4}
	if thin(s.w) {
		order = []int{2, 3, 1}
	}
	web, looks := s.history(len(order))
	left := map[storage.SnapshotName][]string{}
	for i := range order {
		left[storage.SnapshotName(fmt.Sprint("s", i+1))] = looks[i]
	}
	for _, i := range order {
		n := storage.SnapshotName(fmt.Sprint("s", i))
		s.must(s.d.DestroySnapshot(ctx, web, n, storage.SnapshotOptions{}))
		delete(left, n)
		if strings.Contains(s.snapshots(web), string(n)) {
			s.Errorf("%s is still there", n)
		}
		s.same(fmt.Sprintf("the jail, without %s", n), s.look(web), looks[len(order)])
		s.past(web, left)
	}
	s.edit(web, round(9)...)
	now := s.look(web)
	s.snap(web, "s1")
	s.edit(web, round(10)...)
	s.must(s.d.Rollback(ctx, web, "s1", storage.RollbackOptions{}))
	s.same("the jail, rolled back at last", s.look(web), now)

	// A running one: whatever it may do without.
	s.snap(web, "s2")
	s.must(s.d.DestroySnapshot(ctx, web, "s2", storage.SnapshotOptions{Running: true}))
	s.same("the jail, after a snapshot was destroyed while it ran", s.look(web), now)
	s.empty(before)
}

// writtenSince undoes changes of a jail that has written meanwhile: what it wrote is not lost,
// unless it was to be lost.
func (s *suite) writtenSince() {
	web, looks := s.history(2)
	c, err := s.d.Snapshot(ctx, web, "s3", storage.SnapshotOptions{})
	if err != nil {
		s.Fatal(err)
	}
	s.do(c)
	s.edit(web, round(6)...)
	now := s.look(web)
	s.undo(c)
	s.same("a jail that wrote after its snapshot, which was undone", s.look(web), now)
	if got := s.snapshots(web); got != "s1 s2" {
		s.Errorf("snapshots: %q, want s1 s2", got)
	}
	c, err = s.d.Clone(ctx, web.Now(), storage.Jail("twin"), storage.CloneOptions{})
	if err != nil {
		s.Fatal(err)
	}
	s.do(c)
	s.edit(web, put("home/later", "1"))
	s.edit(storage.Jail("twin"), put("home/later", "2"))
	now = s.look(web)
	s.undo(c)
	s.same("a jail that wrote after it was cloned, which was undone", s.look(web), now)
	_, err = s.d.Stat(ctx, storage.Jail("twin"))
	s.want("stat of a clone that was undone", err, fault.NotFound)

	c, err = s.d.Rollback(ctx, web, "s1", storage.RollbackOptions{DestroyNewer: true})
	if err != nil {
		s.Fatal(err)
	}
	s.do(c)
	s.same("a jail after its rollback", s.look(web), looks[0])
	s.edit(web, put("home/after-rollback", ""))
	s.undo(c)
	s.same("a jail whose rollback was undone", s.look(web), now)
	if got := s.snapshots(web); got != "s1 s2" {
		s.Errorf("snapshots: %q, want s1 s2", got)
	}
	s.past(web, map[storage.SnapshotName][]string{"s1": looks[0], "s2": looks[1]})
}

// do does a change's effects without a commit.
func (s *suite) do(c storage.Change) {
	s.Helper()
	for _, e := range c.Do {
		if err := e.Do(ctx); err != nil {
			s.Fatalf("%s: %v", e.EventType(), err)
		}
	}
}

// undo undoes them.
func (s *suite) undo(c storage.Change) {
	s.Helper()
	for _, e := range slices.Backward(c.Do) {
		if err := e.Undo(ctx); err != nil {
			s.Fatalf("undo %s: %v", e.EventType(), err)
		}
	}
}
