package cli

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/view/term"
)

// mode is how progress is shown. The zero mode depends on where standard error leads.
type mode string

const (
	modeTree   mode = "tree"   // terminals: a tree that changes, or grows where nothing can be rewritten
	modePlain  mode = "plain"  // a line for each step that ended: pipes
	modeNDJSON mode = "ndjson" // the stream itself, on standard output
	modeNone   mode = "none"
)

// Set, String and Type make it a flag.
func (m *mode) Set(s string) error {
	switch mode(s) {
	case modeTree, modePlain, modeNDJSON, modeNone:
		*m = mode(s)
		return nil
	}
	return errors.New("it is tree, plain, ndjson or none")
}

func (m *mode) String() string { return string(*m) }

// Type is what help calls a value.
func (*mode) Type() string { return "mode" }

// screen shows the streams of a command's operations.
type screen interface {
	// Add shows an event.
	Add(events.Event)
	// Mute lets nothing be shown from now on: a program has the terminal.
	Mute()
	// Close takes away what is not to stay.
	Close()
}

// animated is a screen that changes while nothing happens.
type animated interface {
	// Tick shows how things are at a time since the run began.
	Tick(at time.Duration)
	// Forget is called when somebody else had the terminal.
	Forget()
}

// screen is what the operation's progress is shown on. quiet is for commands that show something else:
// they have no progress unless it was asked for.
func (c *call) screen(quiet bool) screen {
	m := c.events
	if m == "" {
		switch {
		case quiet && !c.verbose:
			m = modeNone
		case term.IsTerminal(c.env.Stderr):
			m = modeTree
		default:
			m = modePlain
		}
	}
	switch m {
	case modeTree:
		o := c.terminal(c.env.Stderr)
		if o.Live {
			return term.NewLive(c.env.Stderr, o)
		}
		return term.NewTree(c.env.Stderr, o)
	case modePlain:
		return term.NewPlain(c.env.Stderr, term.Options{Verbose: c.verbose})
	case modeNDJSON:
		return &ndjson{c.stream()}
	default:
		return dark{}
	}
}

// terminal is what f can do, and what was asked for.
func (c *call) terminal(f *os.File) term.Options {
	o := term.Options{ASCII: !c.utf8(), Verbose: c.verbose}
	name := c.env.Getenv("TERM")
	if !term.IsTerminal(f) || name == "dumb" || name == "" {
		return o
	}
	o.Live = true
	o.Color = c.env.Getenv("NO_COLOR") == ""
	o.Size = func() (rows, cols int) {
		r, c := term.Size(f)
		return int(r), int(c)
	}
	o.Crops = c.crops(name)
	return o
}

// crops says that the terminal is one of those that cut off lines when they are made narrower: xterm, which
// tells so by a variable that others inherit and tmux hides, screen and the console.
func (c *call) crops(name string) bool {
	if c.env.Getenv("TMUX") != "" {
		return false
	}
	return c.env.Getenv("XTERM_VERSION") != "" || c.env.Getenv("STY") != "" || name == "linux"
}

// utf8 says that the locale's characters are Unicode's.
func (c *call) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := c.env.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.HasSuffix(v, "utf-8") || strings.HasSuffix(v, "utf8")
		}
	}
	return false
}

// dark shows nothing.
type dark struct{}

func (dark) Add(events.Event) {}
func (dark) Mute()            {}
func (dark) Close()           {}

// ndjson writes the stream, all of it.
type ndjson struct{ w *events.NDJSONWriter }

func (n *ndjson) Add(ev events.Event) { n.w.Sink()(&ev) }
func (*ndjson) Mute()                 {}
func (*ndjson) Close()                {}

// stream writes to standard output, which then has nothing else.
func (c *call) stream() *events.NDJSONWriter {
	if c.ndjson == nil {
		c.ndjson = events.NewNDJSONWriter(c.env.Stdout)
	}
	return c.ndjson
}

// broken says that whoever was to read has left.
func broken(err error) bool { return errors.Is(err, syscall.EPIPE) }
