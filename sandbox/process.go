package sandbox

import (
	"os"
	"strconv"
	"syscall"
)

// Process is a program to run in a jail.
type Process struct {
	// Args is the program and its arguments. A name without a slash is looked up in the PATH of Env,
	// inside the jail.
	Args []string

	Env  []string `json:",omitempty"` // "NAME=value"; PATH, HOME and TERM have defaults
	Dir  string   `json:",omitempty"` // working directory; empty: "/"
	User User

	// Capabilities bounds this process below the jail's own bound. Nil: the jail's.
	Capabilities []string

	Rlimits []Rlimit `json:",omitempty"` // only what is asked for is set

	// Terminal asks for a controlling terminal made inside the jail; Stdio is then not used.
	Terminal *Size `json:",omitempty"`

	// Controlling makes Stdio.In, which must be a terminal, the controlling terminal.
	Controlling bool `json:",omitempty"`
}

// User is who a process runs as, in the jail's ids. The zero value is its root.
type User struct {
	// Name is looked up in the jail's own user and group database, from inside. If it is set, the
	// numbers are not used; it may be "name", "name:group" or numbers in the same form.
	Name string `json:",omitempty"`

	UID    uint32   `json:",omitempty"`
	GID    uint32   `json:",omitempty"`
	Groups []uint32 `json:",omitempty"`
}

// Rlimit is a limit of one process, by the kernel's name without "RLIMIT_" ("NOFILE").
type Rlimit struct {
	Name       string
	Soft, Hard uint64
}

// Stdio is a session's open files; nil is the jail's null device. They may be anything: the process
// in the jail gets the descriptors themselves.
type Stdio struct {
	In, Out, Err *os.File
}

// Size is a terminal's size in characters; a zero one is not set.
type Size struct {
	Rows, Cols uint16
}

// Exit is how a process ended.
type Exit struct {
	Code   int            `json:",omitempty"` // of a process that ended by itself
	Signal syscall.Signal `json:",omitempty"` // that killed it; 0: none
	Known  bool           // false: it is gone, and nobody can say how
}

// Status is the exit status as shells report it: the code, or 128 and the signal's number.
func (e Exit) Status() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

// String reads "exit 3", "signal: killed" or "gone".
func (e Exit) String() string {
	switch {
	case !e.Known:
		return "gone"
	case e.Signal != 0:
		return "signal: " + e.Signal.String()
	default:
		return "exit " + strconv.Itoa(e.Code)
	}
}

// ExecError is a program that could not be executed in the jail: the jail is there, the program is
// not, or is not executable. Find it with errors.AsType.
type ExecError struct {
	Path string
	Err  error // a syscall.Errno
}

// Error reads "exec nope: no such file or directory".
func (e *ExecError) Error() string { return "exec " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ExecError) Unwrap() error { return e.Err }

// Status is the exit status that shells give: 127 if the program is not there, else 126.
func (e *ExecError) Status() int {
	if e.Err == syscall.ENOENT || e.Err == syscall.ENOTDIR { //nolint:errorlint // Err is the errno itself
		return 127
	}
	return 126
}
