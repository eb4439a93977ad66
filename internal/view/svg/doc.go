// Package svg draws the timeline of an operation: a row for each step, with a bar from its begin to its end.
//
// It owns the picture, which stands alone: one SVG file without scripts and without fonts or pictures of others,
// for light and dark pages. It refuses to know where the stream comes from.
package svg
