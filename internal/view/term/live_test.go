package term

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view"
)

// TestFrames shows every stream on terminals of several sizes, painting after each event: what is seen is
// what one picture alone would show, it never takes more than the terminal, and when all is over what Print writes
// is there, and nothing else. Some of the pictures are kept in files.
func TestFrames(t *testing.T) {
	for name, all := range streams(t) {
		golden := readGolden(t, name+".frames")
		for _, size := range []struct{ rows, cols int }{{24, 100}, {10, 50}, {4, 24}, {2, 5}} {
			t.Run(fmt.Sprintf("%s/%dx%d", name, size.cols, size.rows), func(t *testing.T) {
				s := newScreen(t, size.rows, size.cols)
				o := Options{Size: s.size}
				live := NewLive(s, o)
				var kept strings.Builder
				var tree view.Tree
				for i, ev := range all {
					tree.Add(ev)
					live.Add(ev)
					live.Tick(ev.At)
					if i == len(all)-1 {
						break
					}
					want := picture(t, &tree, o, ev.At, size.rows, size.cols)
					if got := s.text(); got != want {
						t.Fatalf("after event %d the screen shows\n%s\nbut a picture of it alone is\n%s", i+1, got, want)
					}
					if every := max(1, len(all)/8); i%every == every-1 {
						fmt.Fprintf(&kept, "== after %d of %d events, at %v\n%s", i+1, len(all), ev.At, want)
					}
				}
				live.Close()
				stays := newScreen(t, size.rows, size.cols)
				if err := Print(stays, &tree, o); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(stays.all(), s.all()); diff != "" {
					t.Errorf("what stays is not what Print writes (-Print +screen):\n%s", diff)
				}
				if size.cols > 5 {
					golden.compare(t, fmt.Sprintf("%dx%d", size.cols, size.rows), kept.String())
				}
			})
		}
		golden.write(t)
	}
}

// picture is what a terminal of a size shows of t.
func picture(t *testing.T, tree *view.Tree, o Options, at time.Duration, rows, cols int) string {
	t.Helper()
	s := newScreen(t, rows, cols)
	frame := o.frame(tree, at, rows-1)
	if len(frame) > rows-1 {
		t.Fatalf("a picture of %d rows on a terminal of %d", len(frame), rows)
	}
	for _, r := range frame {
		fmt.Fprintf(s, "%s\r\n", o.rowText(r, cols-1))
	}
	return s.text()
}

// TestPendingStaysVisible: however little room there is, as many of the steps at work as possible are seen.
func TestPendingStaysVisible(t *testing.T) {
	var tree view.Tree
	root := events.Event{ID: 1, Phase: events.Begin, Payload: step("all", "all")}
	tree.Add(root)
	for i := range 5000 {
		ev := events.Event{ID: events.ID(i + 2), Parent: 1, Depth: 1, Phase: events.Begin, Payload: step("one", fmt.Sprintf("step %d", i))}
		tree.Add(ev)
		if i%1000 == 999 {
			continue
		}
		ev.Phase, ev.Status = events.End, events.Succeeded
		if i == 700 {
			ev.Status, ev.Reason, ev.Err = events.Failed, events.Errored, errors.New("no space")
		}
		tree.Add(ev)
	}
	for rows, want := range map[int][]string{
		3: {"all", "step 999", "step 700  no space"}, 6: {"step 2999", "2 more at work", "step 700"}, 10: {"step 4999", "step 700  no space", "4992 more: 4992 done"},
	} {
		got := picture(t, &tree, Options{}, 0, rows+1, 100)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("in %d rows %q is not seen:\n%s", rows, w, got)
			}
		}
	}
}

// TestResize changes the size of the terminal in the middle of each stream: what was painted for the old
// size is taken away all the same, on terminals that wrap lines and on those that crop them.
func TestResize(t *testing.T) {
	for name, all := range streams(t) {
		for _, crops := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/crops=%v", name, crops), func(t *testing.T) {
				s := newScreen(t, 200, 100) // what has left it at the top nobody can take away
				o := Options{Size: s.size, Crops: crops}
				fmt.Fprint(s, "$ what was there before\r\n")
				live := NewLive(s, o)
				var tree view.Tree
				for i, ev := range all {
					tree.Add(ev)
					live.Add(ev)
					live.Tick(ev.At)
					switch i {
					case len(all) / 3:
						s.narrow(44, crops)
					case len(all) / 2:
						s.cols = 70
					case len(all) * 2 / 3:
						s.narrow(30, crops)
					}
				}
				stays := newScreen(t, s.rows, s.cols)
				fmt.Fprint(stays, "$ what was there before\r\n")
				if err := Print(stays, &tree, o); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(stays.all(), s.all()); diff != "" {
					t.Errorf("what stays (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestStill writes nothing if nothing has changed, and little if little has.
func TestStill(t *testing.T) {
	s := newScreen(t, 24, 80)
	live := NewLive(s, Options{Size: s.size})
	all := stream(t, "testdata/start.ndjson")
	for _, ev := range all[:len(all)-1] {
		live.Add(ev)
	}
	live.Tick(0)
	before := s.writes
	live.Tick(0)
	if s.writes != before {
		t.Error("the same picture was written twice")
	}
	live.Tick(spinEvery)
	if s.writes != before+1 {
		t.Errorf("a picture took %d writes, want 1", s.writes-before)
	}
}

// TestNote prints lines above the picture, and after its end.
func TestNote(t *testing.T) {
	s := newScreen(t, 24, 80)
	live := NewLive(s, Options{Size: s.size})
	all := stream(t, "testdata/start.ndjson")
	for i, ev := range all {
		live.Add(ev)
		live.Tick(0)
		if i == 2 {
			live.Note("ioc: interrupt")
			if got, want := s.text(), "ioc: interrupt\n⠋ start demo\n"; !strings.HasPrefix(got, want) {
				t.Errorf("the screen shows\n%s\nwant it to begin with\n%s", got, want)
			}
		}
	}
	live.Note("ioc: late")
	if got, want := s.text(), "ioc: interrupt\n✓ start demo  13.1ms\n  ✓ attach demo  3 steps  11.4ms\nioc: late\n"; got != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
	}
}

// TestMute keeps quiet after a program has got the terminal; what was done until then is left to be seen.
func TestMute(t *testing.T) {
	s := newScreen(t, 24, 80)
	live := NewLive(s, Options{Size: s.size})
	for i, ev := range stream(t, "testdata/taken-back.ndjson") {
		live.Add(ev)
		live.Tick(ev.At)
		if ev.Done() && ev.Depth == 1 && i > 0 {
			live.Mute()
		}
	}
	live.Note("something")
	live.Close()
	if got, want := s.text(), "▸ run nope in demo\n  ✓ start demo  4 steps  7.36ms\n"; got != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
	}
}

// TestForget begins below what somebody else has written.
func TestForget(t *testing.T) {
	s := newScreen(t, 24, 80)
	live := NewLive(s, Options{Size: s.size})
	all := stream(t, "testdata/start.ndjson")
	live.Add(all[0])
	live.Tick(0)
	fmt.Fprint(s, "[1]+  Stopped\r\n$ fg\r\n")
	live.Forget()
	live.Tick(spinEvery)
	live.Tick(2 * spinEvery)
	if got, want := s.text(), "⠋ start demo\n[1]+  Stopped\n$ fg\n⠹ start demo\n"; got != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
	}
}

// TestGone goes on when the terminal is not there any more.
func TestGone(t *testing.T) {
	gone := errors.New("input/output error")
	w := &failing{err: gone}
	live := NewLive(w, Options{})
	for _, ev := range stream(t, "testdata/hook-fails.ndjson") {
		live.Add(ev)
		live.Tick(ev.At)
	}
	live.Note("something")
	live.Close()
	if !errors.Is(live.Err(), gone) || w.calls != 1 {
		t.Errorf("after %d writes the error is %v; want one write, and %v", w.calls, live.Err(), gone)
	}
}

type failing struct {
	err   error
	calls int
}

func (w *failing) Write([]byte) (int, error) {
	w.calls++
	return 0, w.err
}

// BenchmarkFrame paints a tree of 10 000 steps, of which one changes between two pictures. What a picture
// costs must not depend on how many steps there are: compare it with the same of 100.
func BenchmarkFrame(b *testing.B) {
	for _, steps := range []int{100, 10_000} {
		b.Run(fmt.Sprint(steps), func(b *testing.B) {
			live := NewLive(discard{}, Options{Color: true})
			live.Add(events.Event{ID: 1, Phase: events.Begin, Payload: step("all", "all")})
			for i := range steps {
				ev := events.Event{ID: events.ID(i + 2), Parent: 1, Depth: 1, Phase: events.Begin, Payload: step("one", fmt.Sprintf("step %d", i))}
				live.Add(ev)
				if i%(steps/10) != 0 {
					ev.Phase, ev.Status = events.End, events.Succeeded
					live.Add(ev)
				}
			}
			b.ReportAllocs()
			for i := range b.N {
				live.Add(events.Event{ID: 2, Parent: 1, Depth: 1, Phase: events.Progress, Detail: events.Amount{Done: int64(i), Total: 1 << 40}})
				live.Tick(time.Duration(i) * spinEvery)
			}
		})
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
