package eventstest

import (
	"encoding/json"

	"pgregory.net/rapid"
)

// Program is an operation as data, together with what its consumer does. Run executes it and compares
// the world that it left with the one that its events promise.
type Program struct {
	Root     Body
	Consumer Consumer
	Memory   bool   `json:",omitempty"` // it has a journal, in memory
	FailAt   int    `json:",omitempty"` // the record of that journal whose write fails; 0: none
	Soft     bool   `json:",omitempty"` // run with PanicsAsErrors
	Retain   string `json:",omitempty"` // the key to retain its effects under; it needs a journal
}

// String is the program as JSON, without what is zero.
func (p *Program) String() string {
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Ending is how a body, a compensation or an effect ends.
type Ending string

// Endings.
const (
	Return Ending = ""
	Fail   Ending = "fail"
	Skips  Ending = "skip"
	Panics Ending = "panic"
	Exits  Ending = "exit" // runtime.Goexit
)

// Body is what a step does.
type Body struct {
	Do  []Item `json:",omitempty"`
	End Ending `json:",omitempty"`
}

// ItemKind says which method of Step an Item calls.
type ItemKind string

// Kinds of items. The effect of the first four is an entry in the program's world.
const (
	Closure  ItemKind = "closure"  // OnRollback, then the effect
	Acts     ItemKind = "action"   // ApplyWith; Amend if Learn
	Applies  ItemKind = "apply"    // Apply, of an effect that ends with Works
	Defers   ItemKind = "defer"    // Defer, of an effect; or AfterCommit, if Learn
	Nests    ItemKind = "child"    // Do of Bodies[0]
	Complete ItemKind = "complete" // Complete of Bodies[0]
	Parallel ItemKind = "parallel" // Group of Bodies
	Informs  ItemKind = "progress"
	Seals    ItemKind = "seal"
	Holds    ItemKind = "hold"
)

// Item is one statement of a Body.
type Item struct {
	Kind    ItemKind
	Handled bool   `json:",omitempty"` // its error is not returned
	Learn   bool   `json:",omitempty"` // the effect learns something
	Works   Works  `json:",omitempty"`
	Undo    Undo   `json:",omitzero"` // how its compensation, or deferred action, runs
	Bodies  []Body `json:",omitempty"`
	Limit   int    `json:",omitempty"`
	Settle  bool   `json:",omitempty"`
}

// Works is how the Do of an effect ends.
type Works string

// Effects' ends.
const (
	Changes       Works = ""
	FailsBefore   Works = "fails before"
	FailsAfter    Works = "fails after"
	PanicsAfter   Works = "panics after"
	ExitsAfter    Works = "exits after"
	FailUntouched Works = "untouched"
	SkipsItself   Works = "skip"
)

// Undo is how a compensation runs: the first time as Ends[0] says and so on, from then on as the last
// one. Before that it runs Nested, if any, as a child.
type Undo struct {
	Ends    []Ending `json:",omitempty"`
	Nested  *Body    `json:",omitempty"`
	Handled bool     `json:",omitempty"` // Nested's error does not make it fail
	Retry   bool     `json:",omitempty"` // three attempts
	Barrier bool     `json:",omitempty"`
}

func (u *Undo) end(run int) Ending {
	if len(u.Ends) == 0 {
		return Return
	}
	return u.Ends[min(run, len(u.Ends)-1)]
}

// How says what a consumer does.
type How string

// Consumers.
const (
	All       How = ""       // takes everything
	Drains    How = "do"     // there is none: Op.Do
	Breaks    How = "break"  // at record At
	Cancels   How = "cancel" // Run.Cancel at record At, then takes everything
	CtxCancel How = "context"
	Aborts    How = "abort"
	Throws    How = "throw" // panics at record At
	Quits     How = "quit"  // runtime.Goexit at record At
	Pulls     How = "pull"  // iter.Pull, stop at record At
)

// Consumer is what takes a program's events.
type Consumer struct {
	How How `json:",omitempty"`
	At  int `json:",omitempty"` // a Seq; if there is no such record nothing happens
}

// Config bounds random programs. Its zero value allows everything, three levels deep.
type Config struct {
	Depth    int  // of steps below the root; 0: 3
	Children int  // items of a body at most; 0: 4
	Durable  bool // only what a crash test can use: see Files
	Records  int  // greatest At of a consumer; 0: 40

	calm bool // no panics: inside a compensation of a durable program, which must not fail
}

func (c Config) withDefaults() Config {
	if c.Depth == 0 {
		c.Depth = 3
	}
	if c.Children == 0 {
		c.Children = 4
	}
	if c.Records == 0 {
		c.Records = 40
	}
	return c
}

// Programs generates random programs. They shrink towards programs that do little.
func Programs(c Config) *rapid.Generator[*Program] {
	c = c.withDefaults()
	return rapid.Custom(func(t *rapid.T) *Program {
		p := &Program{Root: c.body(t, c.Depth)}
		if c.Durable {
			return p
		}
		p.Consumer.How = oneOf(t, "consumer", All, All, Drains, Breaks, Breaks, Cancels, CtxCancel, Aborts, Throws, Throws, Quits, Quits, Pulls)
		if p.Consumer.How != All && p.Consumer.How != Drains {
			p.Consumer.At = rapid.IntRange(1, c.Records).Draw(t, "at")
		}
		if p.Memory = rapid.Bool().Draw(t, "memory"); p.Memory && chance(t, 4) {
			p.FailAt = rapid.IntRange(1, 12).Draw(t, "fail at")
		}
		p.Soft = chance(t, 4)
		return p
	})
}

func oneOf[T any](t *rapid.T, label string, of ...T) T {
	return of[rapid.IntRange(0, len(of)-1).Draw(t, label)]
}

// chance is true once in n; it shrinks to false.
func chance(t *rapid.T, n int) bool { return rapid.IntRange(0, n-1).Draw(t, "chance") == n-1 }

func (c Config) body(t *rapid.T, depth int) Body {
	var b Body
	for range rapid.IntRange(0, c.Children).Draw(t, "items") {
		b.Do = append(b.Do, c.item(t, depth))
	}
	b.End = oneOf(t, "end", Return, Return, Return, Return, Return, Fail, Fail, Skips, Panics, Exits)
	if b.End == Exits && c.Durable || b.End == Panics && c.calm {
		b.End = Fail
	}
	return b
}

func (c Config) item(t *rapid.T, depth int) Item {
	kinds := []ItemKind{Applies, Acts, Closure, Informs, Defers, Holds}
	if depth > 0 {
		kinds = append(kinds, Nests, Nests, Nests, Nests, Parallel, Parallel, Complete)
	}
	if !c.Durable {
		kinds = append(kinds, Seals)
	}
	it := Item{Kind: oneOf(t, "kind", kinds...)}
	switch it.Kind {
	case Nests, Complete:
		it.Bodies = []Body{c.body(t, depth-1)}
		it.Handled = rapid.Bool().Draw(t, "handled")
	case Parallel:
		for range rapid.IntRange(1, 3).Draw(t, "lanes") {
			it.Bodies = append(it.Bodies, c.body(t, depth-1))
		}
		it.Handled = rapid.Bool().Draw(t, "handled")
		it.Settle = chance(t, 3) || c.Durable // what a cancelled lane did is a matter of chance
		it.Limit = rapid.IntRange(0, 2).Draw(t, "limit")
	case Applies:
		it.Works = oneOf(t, "works", Changes, Changes, Changes, Changes, FailsBefore, FailsAfter, PanicsAfter, ExitsAfter, FailUntouched, SkipsItself)
		if it.Works == ExitsAfter && c.Durable || it.Works == PanicsAfter && c.calm {
			it.Works = FailsAfter
		}
		it.Handled = rapid.Bool().Draw(t, "handled")
		it.Learn = rapid.Bool().Draw(t, "learn")
		it.Undo = c.undo(t, depth, false)
	case Acts, Closure:
		it.Learn = rapid.Bool().Draw(t, "learn")
		it.Undo = c.undo(t, depth, true)
		if it.Kind == Closure {
			it.Undo.Retry, it.Undo.Barrier = false, false // OnRollback has no options
		}
	case Defers:
		it.Learn = rapid.Bool().Draw(t, "action")
		it.Undo = c.undo(t, depth, it.Learn)
	}
	return it
}

// undo draws a compensation; those of effects have no Step and thus no children.
func (c Config) undo(t *rapid.T, depth int, steps bool) Undo {
	var u Undo
	if !chance(t, 2) {
		return u
	}
	if steps && depth > 0 && chance(t, 2) {
		c.calm = c.Durable
		body := c.body(t, depth-1)
		u.Nested = &body
		u.Handled = rapid.Bool().Draw(t, "handled")
		if c.Durable { // what the child did is gone, and the compensation goes on
			body.End, u.Handled = Fail, true
		}
	}
	if c.Durable {
		return u
	}
	u.Ends = rapid.SliceOfN(rapid.SampledFrom([]Ending{Return, Fail, Skips, Panics, Exits}), 0, 2).Draw(t, "ends")
	if steps { // effects are of one type
		u.Retry, u.Barrier = chance(t, 3), chance(t, 3)
	}
	return u
}
