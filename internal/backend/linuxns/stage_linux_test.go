package linuxns

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/libioc/ioc/internal/backend/linuxns/stage"
)

// TestStageIsEarly: a stage runs before the packages are initialised that a program has besides.
func TestStageIsEarly(t *testing.T) {
	control, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(stage.Environ(false), "GODEBUG=inittrace=1")
	cmd.ExtraFiles = []*os.File{control, control}
	out, err := cmd.CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 { //nolint:errorlint // as Run returns it
		t.Fatalf("stage without a program: %v", err)
	}
	done := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "init" {
			continue
		}
		done++
		for _, late := range []string{"os", "time", "reflect", "unicode", "fmt", "encoding/json", "golang.org/x/sys/unix"} {
			if f[1] == late {
				t.Errorf("package %s is initialised before the stage", late)
			}
		}
	}
	if done == 0 {
		t.Errorf("no trace: %s", out)
	}
}
