package embedded

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The benchmarks run the program as it is unpacked. Where busybox is installed, the same is measured
// with it, turn by turn, and the ratio of the medians is reported: times on a shared machine mean little.

const loop = `i=0; while [ $i -lt 200 ]; do cat /dev/null; i=$((i+1)); done`

func BenchmarkShTrue(b *testing.B)     { compare(b, "-c", "true") }
func BenchmarkCatLoop200(b *testing.B) { compare(b, "-c", loop) }

func compare(b *testing.B, args ...string) {
	dir := b.TempDir()
	if _, err := Unpack(b.Context(), dir, nil); err != nil {
		b.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	busybox, links := lookBusybox(b)
	var own, other []time.Duration
	run := func(path, env string) time.Duration {
		cmd := exec.Command(path, args...)
		cmd.Env = []string{"PATH=" + env}
		start := time.Now()
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	b.ResetTimer()
	for b.Loop() {
		own = append(own, run(filepath.Join(bin, "sh"), bin))
		if busybox {
			b.StopTimer()
			other = append(other, run(filepath.Join(links, "sh"), links))
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(slices.Min(own).Microseconds())/1000, "min-ms")
	if busybox {
		b.ReportMetric(float64(median(own))/float64(median(other)), "x-busybox")
	}
}

// lookBusybox makes links for busybox, if there is one.
func lookBusybox(b *testing.B) (ok bool, dir string) {
	b.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		return false, ""
	}
	dir = b.TempDir()
	for _, name := range []string{"sh", "cat", "true"} {
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			b.Fatal(err)
		}
	}
	return true, dir
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func BenchmarkUnpack(b *testing.B) {
	for b.Loop() {
		dir, err := os.MkdirTemp(b.TempDir(), "root")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Unpack(b.Context(), dir, nil); err != nil {
			b.Fatal(err)
		}
	}
}
