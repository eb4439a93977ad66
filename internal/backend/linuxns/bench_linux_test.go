package linuxns

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
)

// Each benchmark has its twin with unshare(1), which isolates and hardens nothing else: what the kernel
// takes for the namespaces alone. Only the two together, in one run, say something.

// benchLab is a lab whose jails run nothing of the test program's.
func benchLab(b *testing.B) *lab {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("compared with unshare(1) as root")
	}
	return newLab(b)
}

// cycle starts a jail and ends it.
func (l *lab) cycle(b testing.TB, spec sandbox.Spec, wait bool) {
	effects, err := l.Start(spec)
	if err != nil {
		b.Error(err)
		return
	}
	defer func() {
		for i := len(effects) - 1; i >= 0; i-- {
			if err := effects[i].Undo(context.Background()); err != nil {
				b.Error(err)
			}
		}
	}()
	for _, e := range effects {
		if err := e.Do(context.Background()); err != nil {
			b.Error(err)
			return
		}
	}
	if wait {
		if _, err := l.Wait(context.Background(), effects[len(effects)-1].(sandbox.Held).State()); err != nil {
			b.Error(err)
		}
	}
}

// trueIn is a jail in the host's own root that runs /bin/true.
func trueIn(l *lab, name string) sandbox.Spec {
	return sandbox.Spec{
		ID: l.spec.ID + name, Root: sandbox.Root{Dir: "/", ReadOnly: true}, Process: &sandbox.Process{Args: []string{"/bin/true"}},
	}
}

func unshareTrue(b *testing.B) {
	b.Helper()
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--net", "--ipc", "--uts", "--cgroup", "/bin/true")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Errorf("%v: %s", err, out)
	}
}

// BenchmarkRunTrue: a jail for one program, from nothing to nothing.
func BenchmarkRunTrue(b *testing.B) {
	b.Run("ioc", func(b *testing.B) {
		l := benchLab(b)
		for b.Loop() {
			l.cycle(b, trueIn(l, ""), true)
		}
	})
	b.Run("unshare", func(b *testing.B) {
		benchLab(b)
		for b.Loop() {
			unshareTrue(b)
		}
	})
}

// BenchmarkCycle: a jail without a process, started and killed.
func BenchmarkCycle(b *testing.B) {
	b.Run("ioc", func(b *testing.B) {
		l := benchLab(b)
		for b.Loop() {
			l.cycle(b, l.spec, false)
		}
	})
	b.Run("own_users", func(b *testing.B) {
		l := benchLab(b)
		l.spec.UserNS = &sandbox.UserNS{}
		for b.Loop() {
			l.cycle(b, l.spec, false)
		}
	})
}

// BenchmarkJoin: a program in a running jail.
func BenchmarkJoin(b *testing.B) {
	for name, own := range map[string]*sandbox.UserNS{"ioc": nil, "own_users": {}} {
		b.Run(name, func(b *testing.B) {
			l := benchLab(b)
			l.spec.Root, l.spec.UserNS = sandbox.Root{Dir: "/", ReadOnly: true}, own
			j := l.begin(b)
			for b.Loop() {
				s, err := l.Exec(j, sandbox.Process{Args: []string{"/bin/true"}}, sandbox.Stdio{})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Do(context.Background()); err != nil {
					b.Fatal(err)
				}
				if exit, err := s.Wait(context.Background()); err != nil || exit.Status() != 0 {
					b.Fatal(exit, err)
				}
			}
		})
	}
	b.Run("nsenter", func(b *testing.B) {
		l := benchLab(b)
		j := l.begin(b)
		for b.Loop() {
			cmd := exec.Command("nsenter", "--target", strconv.Itoa(j.PID), "--pid", "--net", "--ipc", "--uts", "--cgroup", "/bin/true")
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
	})
}

// Benchmark50: fifty jails at once, each running one program.
func Benchmark50(b *testing.B) {
	fifty := func(one func(name string)) {
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() { one(strconv.Itoa(i)) })
		}
		group.Wait()
	}
	b.Run("ioc", func(b *testing.B) {
		l := benchLab(b)
		for b.Loop() {
			fifty(func(name string) { l.cycle(b, trueIn(l, name), true) })
		}
	})
	b.Run("unshare", func(b *testing.B) {
		benchLab(b)
		for b.Loop() {
			fifty(func(string) { unshareTrue(b) })
		}
	})
}

// BenchmarkPlan: what Start costs before anything is done.
func BenchmarkPlan(b *testing.B) {
	l := newLab(b)
	var effects []events.Effect
	for b.Loop() {
		var err error
		if effects, err = l.Start(l.spec); err != nil {
			b.Fatal(err)
		}
	}
	_ = effects
}
