package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestStageComesFirst executes the program as a jail's process would be: nothing of the command line is
// initialised before package stage takes over, because every start of a jail would pay for it. The order
// of package initialisation is by import path among those that are ready, so a new dependency can change it.
func TestStageComesFirst(t *testing.T) {
	cmd := exec.Command(shared.program, "help")
	cmd.Env = []string{"IOC_STAGE=1", "GODEBUG=inittrace=1"}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the program did not become a stage: %s", out)
	}
	trace := string(out)
	if !strings.Contains(trace, "init runtime ") {
		t.Fatalf("no trace of initialisation: %s", trace)
	}
	for line := range strings.Lines(trace) {
		for _, late := range []string{"github.com/spf13/", "github.com/libioc/ioc", "text/template", "net/", "net ", "regexp"} {
			if strings.HasPrefix(line, "init "+late) {
				t.Errorf("initialised before the stage: %s", line)
			}
		}
	}
}
