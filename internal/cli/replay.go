package cli

import (
	"errors"
	"time"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/history"
	"github.com/libioc/ioc/internal/view"
	"github.com/libioc/ioc/internal/view/term"
)

// tree is an operation as far as its stream goes.
func tree(host *ioc.Host, o *history.Operation) (*view.Tree, error) {
	var t view.Tree
	err := again(host, o, func(ev events.Event) { t.Add(ev) })
	return &t, err
}

// again calls add with all events that are kept of an operation, which may have no end.
func again(host *ioc.Host, o *history.Operation, add func(events.Event)) error {
	for ev, err := range host.Replay(o.Run.ID) {
		if errors.Is(err, events.ErrTruncated) {
			return nil
		}
		if err != nil {
			return err
		}
		add(ev)
	}
	return nil
}

// replay shows an operation again, on standard output: it is the result.
func (c *call) replay(host *ioc.Host, o *history.Operation) error {
	sc := c.page()
	c.heading(o)
	err := again(host, o, sc.Add)
	sc.Close()
	if err == nil {
		c.ending(o)
	}
	return err
}

// heading says what is shown, and ending what became of it; a stream has nothing beside it.
func (c *call) heading(o *history.Operation) {
	if c.events != modeNDJSON {
		c.print(o.Run.ID.String() + "  " + term.Printable(newChronicler(time.Now()).story(o)) + "\n")
	}
}

func (c *call) ending(o *history.Operation) {
	if c.events != modeNDJSON {
		c.print(term.Printable(ending(o)) + "\n")
	}
}

// page is a screen for what is over.
func (c *call) page() screen {
	o := c.terminal(c.env.Stdout)
	switch c.events {
	case modePlain:
		return term.NewPlain(c.out, o)
	case modeNDJSON:
		return &ndjson{c.stream()}
	case modeNone:
		return dark{}
	default:
		return term.NewTree(c.out, o)
	}
}
