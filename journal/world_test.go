package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/libioc/ioc/events"
)

// world is what effects of tests change: a set of names. A volatile one goes with a reboot.
type world struct {
	mu     sync.Mutex
	things map[string]bool // true: volatile
	fail   map[string]error
	log    []string
	j      *Journal     // for "-key"
	dir    string       // if it is not empty things are files in it, seen by all processes
	gone   bool         // the machine is dead: nothing happens any more
	step   func() error // before every change; an error is its result
}

func newWorld() *world { return &world{things: map[string]bool{}, fail: map[string]error{}} }

func (w *world) set(name string, vol bool) error {
	if w.step != nil {
		if err := w.step(); err != nil {
			return err
		}
	}
	if w.dir != "" {
		return os.WriteFile(filepath.Join(w.dir, name), nil, 0o600)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.gone {
		w.things[name] = vol
		w.log = append(w.log, "+"+name)
	}
	return nil
}

func (w *world) unset(name string) error {
	if w.step != nil {
		if err := w.step(); err != nil {
			return err
		}
	}
	if w.dir != "" {
		if err := os.Remove(filepath.Join(w.dir, name)); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail[name]; err != nil {
		return err
	}
	if !w.gone {
		delete(w.things, name)
		w.log = append(w.log, "-"+name)
	}
	return nil
}

func (w *world) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	if w.dir != "" {
		entries, err := os.ReadDir(w.dir)
		if err != nil {
			return err.Error()
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	for n := range w.things {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// reboot takes the volatile things away.
func (w *world) reboot() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n, vol := range w.things {
		if vol {
			delete(w.things, n)
		}
	}
}

// put makes a thing; what Do learns is in Got.
type put struct {
	Name string
	Got  string `json:",omitempty"`
	w    *world
}

func (p *put) EventType() string          { return "thing.put" }
func (p *put) EventKey() string           { return p.Name }
func (p *put) Undo(context.Context) error { return p.w.unset(p.Name) }
func (p *put) Do(context.Context) error {
	p.Got = "id-" + p.Name
	return p.w.set(p.Name, false)
}

// vput makes a thing that a reboot takes away.
type vput struct{ put }

func (p *vput) EventType() string        { return "thing.vput" }
func (p *vput) Volatile() bool           { return true }
func (p *vput) Do(context.Context) error { return p.w.set(p.Name, true) }

// del removes a thing; it cannot be undone.
type del struct {
	Name string
	w    *world
}

func (d *del) EventType() string          { return "thing.delete" }
func (d *del) Do(context.Context) error   { return d.w.unset(d.Name) }
func (d *del) Undo(context.Context) error { return errors.New("cannot be undone") }

// registry knows the effects, bound to w.
func (w *world) registry() *events.Registry {
	r := events.NewRegistry()
	events.Register[put](r, "thing.put.v1", events.Bind(func(p *put) { p.w = w }))
	events.Register[vput](r, "thing.vput.v1", events.Bind(func(p *vput) { p.w = w }))
	events.Register[helped](r, "thing.helped.v1", events.Bind(func(p *helped) { p.w = w }))
	events.Register[del](r, "thing.delete.v1", events.Bind(func(d *del) { d.w = w }))
	w.swap(r)
	return r
}

// swap is a compensation that runs an operation with an end of its own: "~name" deletes name, "^name" puts
// new in its place.
func (w *world) swap(r *events.Registry) events.Action[string] {
	return events.Define(r, "thing.swap.v1", func(s events.Step, word string) error {
		return s.Do(&events.Named{Type: "thing.swap", Key: word}, func(s events.Step) error {
			if word[0] == '%' {
				return errors.Join(s.Retain(word[1:]), w.put(s, "new"))
			}
			if word[0] == '^' {
				if err := w.put(s, "new"); err != nil {
					return err
				}
			}
			return s.Defer(&del{Name: word[1:], w: w})
		})
	})
}

func splitWords(s string) []string { return strings.Fields(s) }

// hasWord reports whether op's first word is one of words.
func hasWord(words, op string) bool {
	op, _, _ = strings.Cut(op, " ")
	return slices.Contains(strings.Fields(words), op)
}

func (w *world) put(s events.Step, name string) error {
	if strings.HasPrefix(name, "v") {
		return s.Apply(&vput{put{Name: name, w: w}})
	}
	return s.Apply(&put{Name: name, w: w})
}

var errTest = errors.New("test")

// op is an operation out of words: a name is put, "!name" deletes it after the commit, "@key" retains,
// "+key" extends, "-key" releases, "~name", "^name" and "%key" are compensations, "|" seals, "fail" fails.
func (w *world) op(words string) events.Op[int] {
	return events.New(&events.Named{Type: "test.op", Key: words}, func(s events.Step) (int, error) {
		for word := range strings.FieldsSeq(words) {
			var err error
			switch {
			case word == "fail":
				err = errTest
			case word == "|":
				err = s.Seal()
			case word[0] == '!':
				err = s.Defer(&del{Name: word[1:], w: w})
			case word[0] == '-':
				_, err = events.Call(s, w.j.Release(word[1:], w.registry()))
			case word[0] == '~', word[0] == '^', word[0] == '%':
				err = s.Undo(w.swap(events.NewRegistry()).With(word))
			case word[0] == '+':
				err = s.Extend(word[1:])
			case word[0] == '@':
				err = s.Retain(word[1:])
			default:
				err = w.put(s, word)
			}
			if err != nil {
				return 0, err
			}
		}
		return 1, nil
	})
}

func (w *world) do(t *testing.T, j *Journal, words string) error {
	t.Helper()
	_, err := w.op(words).Do(t.Context(), events.WithJournal(j), events.WithRegistry(w.registry()), events.WithOrigin("host", 4711))
	return err
}

// die runs words and leaves the log as a process that is killed at the end of the body would.
func (w *world) die(t *testing.T, j *Journal, words string) {
	t.Helper()
	dying := &dyingJournal{Journal: j}
	op := w.op(words)
	_, err := events.New(op.Payload(), func(s events.Step) (int, error) {
		_, err := events.Call(s, op)
		dying.kill()
		w.mu.Lock()
		w.gone = true
		w.mu.Unlock()
		return 0, errors.Join(err, errTest)
	}).Do(t.Context(), events.WithJournal(dying), events.WithRegistry(w.registry()), events.WithOrigin("host", 4711))
	w.gone = false
	if err == nil {
		t.Fatal("the dying run succeeded")
	}
}

// dyingJournal is a journal whose process dies before its run ends: its files are closed.
type dyingJournal struct {
	*Journal
	logs []*Log
}

func (d *dyingJournal) Open(run *events.RunInfo, root events.Payload) (events.Log, error) {
	l, err := d.Journal.Open(run, root)
	if err == nil {
		d.logs = append(d.logs, l.(*Log))
	}
	return l, err
}

func (d *dyingJournal) kill() {
	for _, l := range d.logs {
		l.mu.Lock()
		l.closed = true
		_ = l.f.unlock()
		_ = l.f.Close()
		l.mu.Unlock()
	}
}

func recoverAll(t *testing.T, j *Journal, w *world) Recovered {
	t.Helper()
	out, err := j.Recover(w.registry()).Do(t.Context())
	if err != nil {
		t.Fatalf("Recover: %v", err)
	}
	return out
}

func wantWorld(t *testing.T, w *world, want string) {
	t.Helper()
	if got := w.String(); got != want {
		t.Errorf("world is %q, want %q", got, want)
	}
}

func wantClean(t *testing.T, j *Journal) {
	t.Helper()
	dirty, err := j.Dirty()
	if dirty || err != nil {
		t.Errorf("Dirty() = %v, %v", dirty, err)
	}
	for dead, err := range j.Pending() {
		t.Errorf("pending: %+v %v", dead, err)
	}
	for l, err := range j.Live() {
		t.Errorf("live: %+v %v", l, err)
	}
}

// journals are the two kinds that every behaviour is tested on.
func journals(t *testing.T, f func(t *testing.T, j *Journal)) {
	t.Run("memory", func(t *testing.T) { f(t, Memory()) })
	t.Run("directory", func(t *testing.T) {
		j, err := Open(t.TempDir(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		f(t, j)
	})
}

// reborn is j after a reboot.
func reborn(j *Journal) *Journal {
	c := *j
	c.opts.BootID[0]++
	return &c
}

func heldString(t *testing.T, j *Journal) string {
	t.Helper()
	var b strings.Builder
	for h, err := range j.Held() {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "[%s", h.Key)
		for _, r := range h.Records {
			fmt.Fprintf(&b, " %s", r.Params)
		}
		b.WriteString("]")
	}
	return b.String()
}
