// Package text holds the applets that read text and write text. It knows nothing of processes, networks
// or the kernel, and compiles everywhere.
package text

import "github.com/libioc/ioc/userland/internal/applet"

// Applets lists the package's applets.
func Applets() []applet.Applet {
	return []applet.Applet{
		{Name: "awk", Args: "[OPTION]... PROGRAM [FILE]...", About: "Run an AWK program over lines of text.", Run: awk, Alone: true},
		{Name: "cat", Args: "[OPTION]... [FILE]...", About: "Write files, one after the other, to standard output.", Run: cat},
		{Name: "cmp", Args: "[OPTION]... FILE1 FILE2", About: "Compare two files byte by byte.", Run: cmp},
		{Name: "comm", Args: "[OPTION]... FILE1 FILE2", About: "Compare two sorted files line by line.", Run: comm},
		{Name: "cut", Args: "OPTION... [FILE]...", About: "Print parts of each line.", Run: cut},
		{Name: "diff", Args: "[OPTION]... FILE1 FILE2", About: "Show how two files differ, as a unified diff.", Run: diff},
		{Name: "echo", Args: "[-neE] [STRING]...", About: "Print the strings, separated by blanks.", Run: echo},
		{Name: "egrep", Args: "[OPTION]... PATTERN [FILE]...", About: "Print lines that match an extended regular expression.", Run: grep},
		{Name: "expr", Args: "EXPRESSION", About: "Evaluate an expression of words.", Run: expr},
		{Name: "fgrep", Args: "[OPTION]... STRING [FILE]...", About: "Print lines that contain a string.", Run: grep},
		{Name: "fold", Args: "[OPTION]... [FILE]...", About: "Break long lines.", Run: fold},
		{Name: "grep", Args: "[OPTION]... PATTERN [FILE]...", About: "Print lines that match a pattern.", Run: grep},
		{Name: "head", Args: "[OPTION]... [FILE]...", About: "Print the beginning of files.", Run: head},
		{Name: "hexdump", Args: "[-C] [OPTION]... [FILE]...", About: "Print bytes as hexadecimal numbers and characters.", Run: hexdump},
		{Name: "nl", Args: "[OPTION]... [FILE]...", About: "Number lines.", Run: nl},
		{Name: "od", Args: "[OPTION]... [FILE]...", About: "Print bytes as octal or other numbers.", Run: od},
		{Name: "paste", Args: "[OPTION]... [FILE]...", About: "Join files line by line.", Run: paste},
		{Name: "printf", Args: "FORMAT [ARGUMENT]...", About: "Print arguments under the control of a format.", Run: printf},
		{Name: "rev", Args: "[FILE]...", About: "Reverse the characters of each line.", Run: rev},
		{Name: "sed", Args: "[OPTION]... SCRIPT [FILE]...", About: "Edit a stream of text by a script.", Run: sed},
		{Name: "seq", Args: "[OPTION]... [FIRST [STEP]] LAST", About: "Print a sequence of numbers.", Run: seq},
		{Name: "sort", Args: "[OPTION]... [FILE]...", About: "Sort lines.", Run: sortLines},
		{Name: "strings", Args: "[OPTION]... [FILE]...", About: "Print the runs of printable characters in files.", Run: stringsOf},
		{Name: "tac", Args: "[FILE]...", About: "Print files with the last line first.", Run: tac},
		{Name: "tail", Args: "[OPTION]... [FILE]...", About: "Print the end of files.", Run: tail},
		{Name: "tee", Args: "[OPTION]... [FILE]...", About: "Copy standard input to standard output and to files.", Run: tee},
		{Name: "tr", Args: "[OPTION]... SET1 [SET2]", About: "Replace, squeeze or delete characters.", Run: tr},
		{Name: "uniq", Args: "[OPTION]... [INPUT [OUTPUT]]", About: "Leave out lines that repeat the one before.", Run: uniq},
		{Name: "wc", Args: "[OPTION]... [FILE]...", About: "Count lines, words and bytes.", Run: wc},
		{Name: "yes", Args: "[STRING]...", About: "Print a line again and again.", Run: yes},
	}
}
