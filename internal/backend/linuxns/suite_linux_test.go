package linuxns

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/sandbox/sandboxtest"
)

// suite is the driver as the contract's tests see it.
func suite() sandboxtest.Suite {
	return sandboxtest.Suite{
		New: func(dir, prefix string) sandbox.Driver {
			return New(Options{Run: filepath.Join(dir, "run"), Group: prefix})
		},
		Effects:   []events.Effect{&Cgroup{}, &Spawn{}, &Exec{}, &Freeze{}},
		Leftovers: leftovers,
		Sweep:     sweep,
		Probes:    probes(),
	}
}

// probes are what this driver's own tests do in jails and elsewhere.
func probes() map[string]sandboxtest.Command {
	return map[string]sandboxtest.Command{
		"ranges":      becomeRanged,
		"ipc":         probeIPC,
		"kill":        probeKill,
		"descriptors": probeDescriptors,
		"denied":      probeDenied,
		"writes":      probeWrites,
		"devices":     probeDevices,
		"attack":      probeAttack,
	}
}

func TestMain(m *testing.M) { suite().Main(m) }

func TestDriver(t *testing.T) { suite().Run(t) }

// leftovers lists cgroups and processes whose names have the prefix.
func leftovers(prefix string) []string {
	all := groupsNamed(prefix)
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, l := range lines {
		if b, err := os.ReadFile(l); err == nil && strings.HasPrefix(string(b), processName(prefix)) {
			all = append(all, l+" "+string(b))
		}
	}
	return all
}

func groupsNamed(prefix string) []string {
	all, _ := filepath.Glob("/sys/fs/cgroup/" + prefix + "*")
	more, _ := filepath.Glob("/sys/fs/cgroup/*/" + prefix + "*")
	return append(all, more...)
}

// sweep ends what has the prefix.
func sweep(prefix string) {
	for _, dir := range groupsNamed(prefix) {
		ctx, cancel := bounded(context.Background())
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.IsDir() {
				_ = removeGroup(ctx, filepath.Join(dir, e.Name()))
			}
		}
		_ = removeGroup(ctx, dir)
		cancel()
	}
}
