// Package view folds a stream of events into the tree that a person wants to see.
//
// It owns the model: which step is below which, what became of it, how far it is. It refuses to know
// how that is shown (package term paints it on a terminal) and where the stream comes from: a live
// operation, a recorded file and another host give the same tree.
//
//	var t view.Tree
//	for ev := range op.Events(ctx) {
//		node := t.Add(ev)
//		...
//	}
package view
