// Package term shows a stream of events on a terminal or in a file, as lines.
//
// It owns marks, indentation, colour and the one line that is rewritten while a step is pending. It
// refuses to know what the operations are: it shows what the stream says, and nothing else. Whether
// the output is a terminal, its width and its colours are the caller's to find out.
package term
