//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// monitor is one run of top.
type monitor struct {
	p      *applet.Proc
	batch  bool
	before map[int]uint64 // ticks used by each process
	when   time.Time
	order  byte // P cpu, M memory, N number
	rows   int
	cols   int
}

func top(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	delay := o.String("d delay", "SECONDS", "3", "wait SECONDS between screens")
	count := o.Int("n iterations", "N", 0, "end after N screens")
	m := &monitor{p: p, order: 'P'}
	o.Func("b batch", "", "print screens one after the other, for files and pipes", func(string) error { m.batch = true; return nil })
	o.Note("Keys: q ends; P, M and N sort by processor, memory and number.")
	if _, err := o.Parse(); err != nil {
		return err
	}
	pause, err := applet.ParseDuration(*delay)
	if err != nil {
		return applet.Usagef("%s", err)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	keys := make(chan byte)
	if !m.batch {
		restore, err := m.keyboard(ctx, keys)
		if err != nil {
			m.batch = true
		} else {
			defer restore()
		}
	}
	for n := 1; ; n++ {
		if err := m.screen(); err != nil {
			return err
		}
		if n == *count {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case key := <-keys:
			timer.Stop()
			switch key {
			case 'q', 'Q', 3, 4:
				return nil
			case 'P', 'M', 'N':
				m.order = key
			}
		}
	}
}

// keyboard makes single keys readable and sends them to keys.
func (m *monitor) keyboard(ctx context.Context, keys chan<- byte) (restore func(), err error) {
	fd := int(os.Stdin.Fd())
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	raw := *old
	raw.Lflag &^= unix.ICANON | unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETSW, &raw); err != nil {
		return nil, err
	}
	go func() {
		var b [1]byte
		for {
			if n, err := unix.Read(fd, b[:]); n != 1 || err != nil {
				b[0] = 'q'
			}
			select {
			case keys <- b[0]:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { unix.IoctlSetTermios(fd, unix.TCSETSW, old) }, nil
}

func (m *monitor) screen() error {
	all, err := processes()
	if err != nil {
		return err
	}
	m.rows, m.cols = len(all), 200
	if ws, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && !m.batch && ws.Row > 0 {
		m.rows, m.cols = int(ws.Row)-5, int(ws.Col)
	}
	now := time.Now()
	v := newView()
	used := make(map[int]uint64, len(all))
	share := make(map[int]float64, len(all))
	for i := range all {
		in := &all[i]
		used[in.pid] = in.utime + in.stime
		if old, ok := m.before[in.pid]; ok && used[in.pid] >= old {
			share[in.pid] = 100 * float64(used[in.pid]-old) / ticks / max(now.Sub(m.when).Seconds(), 0.001)
		} else if m.before == nil {
			share[in.pid] = v.cpu(in)
		}
	}
	m.before, m.when = used, now
	slices.SortStableFunc(all, func(a, b info) int {
		switch {
		case m.order == 'P' && share[a.pid] != share[b.pid]:
			if share[a.pid] > share[b.pid] {
				return -1
			}
			return 1
		case m.order == 'M' && a.rss != b.rss:
			if a.rss > b.rss {
				return -1
			}
			return 1
		}
		return a.pid - b.pid
	})
	return m.print(all, share, v)
}

func (m *monitor) print(all []info, share map[int]float64, v *view) error {
	var b strings.Builder
	line := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if len(text) > m.cols {
			text = text[:m.cols]
		}
		b.WriteString(text)
		if !m.batch {
			b.WriteString("\x1b[K")
		}
		b.WriteString("\n")
	}
	var si unix.Sysinfo_t
	unix.Sysinfo(&si)
	running := 0
	for _, in := range all {
		if in.state == "R" {
			running++
		}
	}
	mem, _ := memory()
	load := func(i int) float64 { return float64(si.Loads[i]) / 65536 }
	if !m.batch {
		b.WriteString("\x1b[H")
	}
	line("%s up %s, load average: %.2f, %.2f, %.2f", time.Now().Format("15:04:05"), elapsed(uint64(si.Uptime)), load(0), load(1), load(2))
	line("Tasks: %d total, %d running", len(all), running)
	line("Mem: %s total, %s used, %s available", applet.Human(mem["MemTotal"]), applet.Human(mem["MemTotal"]-mem["MemAvailable"]), applet.Human(mem["MemAvailable"]))
	line("%7s %-8s %3s %8s %8s %s %5s %5s %9s %s", "PID", "USER", "NI", "VIRT", "RES", "S", "%CPU", "%MEM", "TIME", "COMMAND")
	for i := range all[:max(0, min(len(all), m.rows))] {
		in := &all[i]
		line("%7d %-8.8s %3d %8s %8s %s %5.1f %5.1f %9s %s", in.pid, v.names.UserName(in.uid), in.nice, applet.Human(in.vsize), applet.Human(in.rss),
			in.state, share[in.pid], 100*float64(in.rss)/float64(max(1, v.mem)), clock((in.utime+in.stime)/ticks), in.command())
	}
	if !m.batch {
		b.WriteString("\x1b[J")
	}
	_, err := m.p.Stdout.Write([]byte(b.String()))
	return err
}
