package itest

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKilledTogether lets processes work on the same jails at once and kills half of them, so that some recover what
// others have left while more of them die. Whatever comes first, nobody finds anything half done or leaves anything behind, and when all
// jails are destroyed the root is as it was.
func TestKilledTogether(t *testing.T) {
	const workers = 6
	rounds, each := 1, 25
	if long() {
		rounds, each = 20, 100
	}
	does := []string{
		"create", "create", "start", "start", "stop", "kill", "restart", "exec", "run", "rename", "clone", "thick", "snapshot", "forget",
		"set", "destroy", "destroy", "start-all", "stop-all", "destroy-all", "recover",
		"apply-one", "apply-one", "apply-two", "apply-two",
	}
	jails := []string{"web", "other", "copy"}
	for round := range rounds {
		root := place(t, released)
		before := look(t, root)
		dir := t.TempDir()
		var all sync.WaitGroup
		for w := range workers {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(w)))
			all.Go(func() {
				for range each {
					work := task{Root: root, Jail: jails[rng.IntN(len(jails))], Do: []string{does[rng.IntN(len(does))]}, Recover: true}
					if rng.IntN(2) == 0 {
						work.Within = time.Duration(1 + rng.Int64N(int64(60*time.Millisecond)))
					}
					_, a, err := work.run(t.Context(), dir)
					// What three recoveries were killed in is not tried again by itself, but by the one at the end.
					if err != nil || a.Left && !strings.Contains(a.Error, "not tried again") {
						t.Errorf("round %d: %s %s: %s, %v", round, work.Do[0], work.Jail, a.Error, err)
					}
				}
			})
		}
		all.Wait()
		on := func(do ...string) task { return task{Root: root, Do: do} }
		on("recover").must(t)
		for _, name := range jails {
			gone := on("destroy")
			gone.Jail = name
			if _, a, err := gone.run(t.Context(), dir); err != nil || a.Error != "" && !strings.HasSuffix(a.Error, "not found") {
				t.Errorf("round %d: destroy %s: %s, %v", round, name, a.Error, err)
			}
		}
		same(t, root, before)
	}
}
