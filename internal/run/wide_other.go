//go:build !linux

package run

import "os"

// WidePipe is a pipe, to be a command's Stdout.
func WidePipe() (read, write *os.File, err error) { return os.Pipe() }
