package cli

import (
	"context"
	"errors"
	"iter"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/history"
	"github.com/libioc/ioc/internal/view/term"
)

// until is a context that a signal ends: following has no other end, so it is not a failure.
func (c *call) until() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(c.ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}

// followOne shows a running operation until it ends. One that has ended is shown as it was.
func (c *call) followOne(host *ioc.Host, o *history.Operation) error {
	if o.Outcome != history.Running {
		return c.replay(host, o)
	}
	ctx, stop := c.until()
	defer stop()
	sc := c.page()
	if t := c.terminal(c.env.Stdout); t.Live && (c.events == "" || c.events == modeTree) {
		sc = &joined{term.NewLive(c.env.Stdout, t), time.Since(o.Run.Started)}
	}
	c.heading(o)
	err := c.show(host.Follow(ctx, ioc.HistoryFilter{Run: o.Run.ID}), sc, o)
	if _, crashed := errors.AsType[*history.CrashError](err); crashed {
		err = nil
	}
	if err == nil && o.Outcome != history.Running {
		c.ending(o)
	}
	return err
}

// show adds what is followed to sc; o then knows its end.
func (c *call) show(seq iter.Seq2[history.Followed, error], sc screen, o *history.Operation) error {
	defer sc.Close()
	defer animate(sc)()
	for f, err := range seq {
		if f.Operation != nil {
			*o = *f.Operation
		}
		if err != nil {
			return err
		}
		sc.Add(f.Event)
	}
	return nil
}

// joined is a live screen of what began some time ago.
type joined struct {
	*term.Live
	late time.Duration
}

// Tick shows how things are.
func (j *joined) Tick(at time.Duration) { j.Live.Tick(at + j.late) }

// followAll shows all operations of this host: lines, because they are mixed.
func (c *call) followAll(host *ioc.Host, f ioc.HistoryFilter) error {
	ctx, stop := c.until()
	defer stop()
	strips := map[events.RunID]screen{}
	for followed, err := range host.Follow(ctx, f) {
		o := followed.Operation
		if o == nil {
			return err
		}
		sc := strips[o.Run.ID]
		if sc == nil {
			sc = c.strip(o)
			strips[o.Run.ID] = sc
		}
		switch _, crashed := errors.AsType[*history.CrashError](err); {
		case crashed:
			c.crashed(o)
		case err != nil:
			c.say("ioc: operation " + o.Run.ID.String() + " cannot be read: " + oneLine(err.Error()) + "\n")
		default:
			sc.Add(followed.Event)
		}
		if o.Outcome != history.Running {
			delete(strips, o.Run.ID)
		}
		if c.outErr != nil { // who was to read has left
			return nil
		}
	}
	return nil
}

// strip is the screen of one of several operations.
func (c *call) strip(o *history.Operation) screen {
	lead := short(o) + " "
	if c.events != modeNDJSON && c.events != modeNone {
		c.print(lead + "begins   " + term.Printable(o.What()+": "+newChronicler(time.Now()).story(o)) + "\n")
	}
	return c.strand(o.Run.ID, lead)
}

// strand is the screen of one of several runs, whose lines begin with lead, or tell the run.
func (c *call) strand(run events.RunID, lead string) screen {
	switch c.events {
	case modeNDJSON:
		lead := `{"run":"` + run.String() + `",`
		return &ndjson{events.NewNDJSONWriter(&lines{c, func(line string) string {
			if strings.HasPrefix(line, `{"v":`) {
				return line
			}
			return lead + strings.TrimPrefix(line, "{")
		}})}
	case modeNone:
		return dark{}
	}
	return term.NewPlain(&lines{c, func(line string) string { return lead + line }}, term.Options{Verbose: c.verbose})
}

// short is enough of an ID to tell apart what runs together.
func short(o *history.Operation) string { return o.Run.ID.String()[:13] }

// crashed says that the process of an operation is gone.
func (c *call) crashed(o *history.Operation) {
	switch c.events {
	case modeNDJSON:
		c.print(`{"run":"` + o.Run.ID.String() + `","crashed":true}` + "\n")
	case modeNone:
	default:
		c.print(short(o) + " crashed  " + term.Printable(o.What()+": "+ending(o)) + "\n")
	}
}

// lines writes whole lines, each changed.
type lines struct {
	c      *call
	change func(line string) string
}

func (l *lines) Write(p []byte) (int, error) {
	var b strings.Builder
	for line := range strings.Lines(string(p)) {
		b.WriteString(l.change(line))
	}
	l.c.print(b.String())
	return len(p), l.c.outErr
}
