package run

import (
	"os"
	"os/exec"
	"path/filepath"
)

// Find gives the path of a program that is in PATH, or where administrators' programs are, which a user's PATH need
// not lead to. One that is nowhere keeps its name: to start it says so.
func Find(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/sbin", "/usr/sbin", "/usr/local/sbin"} {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return program
}
