// Package lineedit reads a line from a terminal and lets people edit it: cursor keys, history, search
// and completion, with the keys of Emacs.
//
// It reads byte by byte and never more than the line, because what is typed ahead belongs to the next
// command. It refuses to know what the line is for.
package lineedit
