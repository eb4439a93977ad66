package cli

import (
	"errors"
	"math"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/view/term"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

func (c *call) top() *cobra.Command {
	var g grid
	var rounds int
	every := time.Second
	cmd := c.command(&cobra.Command{
		Use:   "top [OPTIONS] [JAIL...]",
		Short: "show what running jails use now",
		Long: `Shows processor time, memory and processes of the jails that run, once a second, until q or Ctrl-C is pressed;
where standard output is no terminal, once. cpu is in percent of one processor since the last look, at the first one
since the start; time is the processor time since the start, memory is without what the kernel could give back at
once; maxproc, memoryuse and pcpu are the limits. Columns are ` + strings.Join(topColumns(), ", ") + `.

` + selectorHelp,
		Example: `ioc top
ioc top -s -memory
ioc top -n 1 --format json`,
		Args: cobra.ArbitraryArgs,
	}, func(cmd *cobra.Command, args []string) error {
		if err := g.check(cmd); err != nil {
			return err
		}
		if rounds < 0 || every < 100*time.Millisecond {
			return misuse(cmd, "-n is a number, and --interval at least 100ms")
		}
		if err := g.chooseOf([]string{"name", "cpu", "time", "memory", "processes", "started"}, topColumns()); err != nil {
			return err
		}
		if g.sortBy == "" {
			g.sortBy = "-cpu"
		}
		host, err := c.open()
		if err != nil {
			return err
		}
		screen := term.IsTerminal(c.env.Stdout) && term.IsTerminal(c.env.Stdin) && g.plain() && rounds == 0
		if rounds == 0 && !screen {
			rounds = 1
		}
		t := &top{c: c, host: host, terms: args, grid: &g, last: map[jail.Name]sample{}}
		if screen {
			return t.live(every)
		}
		return t.rounds(rounds, every)
	})
	g.addFlags(cmd)
	cmd.Flags().IntVarP(&rounds, "count", "n", 0, "look `N` times, then end")
	cmd.Flags().DurationVarP(&every, "interval", "d", every, "the `TIME` between two looks")
	return cmd
}

func topColumns() []string {
	return []string{"cpu", "maxproc", "memory", "memoryuse", "name", "pcpu", "pid", "processes", "started", "time"}
}

// top looks at jails again and again.
type top struct {
	c     *call
	host  *ioc.Host
	terms []string
	grid  *grid
	last  map[jail.Name]sample
}

// sample is what a jail used at a moment.
type sample struct {
	jail.Info
	sandbox.Usage
	at      time.Time
	percent float64 // of one processor; negative: not known
}

// look measures all jails that run. One that ends meanwhile is left out.
func (t *top) look() (string, error) {
	all, err := t.host.Select(t.c.ctx, t.terms)
	if err != nil {
		return "", err
	}
	var now []sample
	for _, i := range all {
		if i.State != jail.Running {
			continue
		}
		u, err := t.host.JailGenerator(string(i.Name)).Measure(t.c.ctx)
		if errors.Is(err, fault.NotFound) || errors.Is(err, fault.Unavailable) {
			continue
		}
		if err != nil {
			return "", err
		}
		now = append(now, t.since(sample{Info: i, Usage: u, at: time.Now()}))
	}
	t.grid.rows = nil
	fill(t.grid, now, sample.column)
	return t.grid.String(), nil
}

// since works out what part of a processor was used since the last look, or since the start.
func (t *top) since(s sample) sample {
	before, ok := t.last[s.Name]
	if !ok || before.Started != s.Started || before.CPU > s.CPU {
		before = sample{at: s.Started}
	}
	s = s.after(before)
	t.last[s.Name] = s
	return s
}

// after works out the percentage from an earlier sample.
func (s sample) after(before sample) sample {
	if s.percent = -1; s.CPU >= 0 && s.at.After(before.at) {
		s.percent = 100 * float64(s.CPU-before.CPU) / float64(s.at.Sub(before.at))
	}
	return s
}

func (s sample) column(name string) cell {
	switch name {
	case "name":
		return words(string(s.Name))
	case "pid":
		return number(int64(s.Sandbox.PID))
	case "maxproc", "memoryuse", "pcpu": // what may be used
		return property(name, s.Value(name))
	case "memory":
		return octets(s.Memory)
	case "processes":
		if s.Processes < 0 {
			return cell{}
		}
		return number(s.Processes)
	case "started":
		return moment(s.Started)
	case "time":
		if s.CPU < 0 {
			return cell{}
		}
		return cell{text: s.CPU.Round(10 * time.Millisecond).String(), raw: s.CPU.Seconds(), number: float64(s.CPU), sorted: true}
	}
	if s.percent < 0 {
		return cell{}
	}
	text := strconv.FormatFloat(s.percent, 'f', 1, 64)
	return cell{text: text + "%", raw: rounded(s.percent), number: s.percent, sorted: true}
}

// rounds prints n looks one after the other.
func (t *top) rounds(n int, every time.Duration) error {
	for i := range n {
		if i > 0 {
			time.Sleep(every)
		}
		text, err := t.look()
		if err != nil {
			return err
		}
		t.c.print(text)
		if t.c.outErr != nil {
			return nil // its reader has left
		}
	}
	return nil
}

// live paints a screen until a key or a signal ends it.
func (t *top) live(every time.Duration) error {
	restore, err := term.MakeRaw(t.c.env.Stdin)
	if err != nil {
		return err
	}
	defer restore()
	keys, err := term.NewKeys(t.c.env.Stdin, errors.New("over"))
	if err != nil {
		return err
	}
	quit := make(chan struct{})
	go func() {
		defer close(quit)
		b := make([]byte, 1)
		for {
			if _, err := keys.Read(b); err != nil || strings.ContainsAny(string(b), "qQ\x03\x04\x1b") {
				return
			}
		}
	}()
	defer func() {
		keys.Stop()
		<-quit
		_ = keys.Close() // nothing can be lost
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer signal.Stop(signals)
	const enter, leave, home, below = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l", "\x1b[H", "\x1b[J"
	t.c.print(enter)
	defer t.c.print(leave)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		text, err := t.look()
		if err != nil {
			return err
		}
		t.c.print(home + t.fit(text) + below)
		select {
		case <-tick.C:
		case <-quit:
			return nil
		case <-signals:
			return nil
		}
		if t.c.outErr != nil {
			return nil // the terminal is gone
		}
	}
}

// fit cuts the table to the screen, and clears what an earlier one left in its lines.
func (t *top) fit(text string) string {
	rows, cols := term.Size(t.c.env.Stdout)
	var b strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		if n++; rows > 0 && n >= int(rows) {
			break
		}
		line = strings.TrimSuffix(line, "\n")
		if cols > 0 && len(line) > int(cols) { // names are ASCII
			line = line[:cols]
		}
		b.WriteString(line + "\x1b[K\r\n")
	}
	return b.String()
}

// rounded has as many places as the text.
func rounded(f float64) float64 { return math.Round(f*10) / 10 }
