package events_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/libioc/ioc/events"
)

// dataset is a file system in memory.
type dataset struct {
	name      string
	files     map[string]string
	snapshots map[string]map[string]string
}

// snapshot is an effect: to do it freezes the dataset, to undo it rolls the dataset back to there.
type snapshot struct {
	Name string
	of   *dataset
}

func (*snapshot) EventType() string  { return "dataset.snapshot" }
func (s *snapshot) EventKey() string { return s.of.name + "@" + s.Name }

func (s *snapshot) Do(context.Context) error {
	if _, taken := s.of.snapshots[s.Name]; taken {
		return events.Untouched(errors.New("the snapshot exists"))
	}
	s.of.snapshots[s.Name] = maps.Clone(s.of.files)
	return nil
}

func (s *snapshot) Undo(context.Context) error {
	if files, taken := s.of.snapshots[s.Name]; taken { // else it was undone already
		s.of.files = files
		delete(s.of.snapshots, s.Name)
	}
	return nil
}

// failDoingSomething changes a dataset and then cannot go on.
func failDoingSomething(d *dataset) events.Op[int] {
	return events.New(&events.Named{Type: "dataset.change", Key: d.name}, func(s events.Step) (int, error) {
		if err := s.Apply(&snapshot{Name: "demo-snapshot", of: d}); err != nil {
			return 0, err
		}
		d.files["motd"] = "half a sentence"
		return 0, errors.New("some error occurred")
	})
}

// A snapshot is taken before something is changed, and rolled back because the operation fails.
func Example_snapshot() {
	d := &dataset{name: "zroot/my_dataset", files: map[string]string{"motd": "welcome"}, snapshots: map[string]map[string]string{}}

	for ev := range failDoingSomething(d).Events(context.Background()) {
		state := "done"
		switch {
		case ev.Pending():
			state = "pending"
		case ev.Err != nil:
			state = "failed: " + ev.Err.Error()
		}
		undo := ""
		if ev.Kind == events.Undo {
			undo = "undo "
		}
		fmt.Printf("%s%s%s %s: %s\n", strings.Repeat("  ", int(ev.Depth)), undo, ev.Type(), ev.Key(), state)
	}
	fmt.Printf("motd: %s, snapshots: %d\n", d.files["motd"], len(d.snapshots))

	// Output:
	// dataset.change zroot/my_dataset: pending
	//   dataset.snapshot zroot/my_dataset@demo-snapshot: pending
	//   dataset.snapshot zroot/my_dataset@demo-snapshot: done
	//   undo dataset.snapshot zroot/my_dataset@demo-snapshot: pending
	//   undo dataset.snapshot zroot/my_dataset@demo-snapshot: done
	// dataset.change zroot/my_dataset: failed: some error occurred
	// motd: welcome, snapshots: 0
}
