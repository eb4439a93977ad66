package bootstrap

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// Phase is the payload of a part of making a system. Its progress is an events.Amount of packages, and an
// events.Output of what the program warns of.
type Phase struct {
	Suite string
	Name  string // lists, download, unpack, install, clean
}

// EventType is the step's name in events.
func (*Phase) EventType() string { return "bootstrap.phase" }

// EventKey is the suite.
func (p *Phase) EventKey() string { return p.Suite }

// EventTitle is for people.
func (p *Phase) EventTitle() string { return phases()[p.Name] }

func phases() map[string]string {
	return map[string]string{
		"lists": "get the lists of packages", "download": "download packages", "unpack": "unpack packages",
		"install": "install packages", "clean": "clean up",
	}
}

// order is that of the phases.
const order = "lists download unpack install clean"

// mark is what a line tells that begins so.
type mark struct {
	begins string
	phase  string // this phase has begun
	counts string // a package more, in this phase
}

// marks are the lines of mmdebstrap --verbose 1.3, with apt's and dpkg's between them, and of debootstrap 1.0.
func marks() []mark {
	return []mark{
		{begins: "I: running apt-get update", phase: "lists"},
		{begins: "I: downloading packages with apt", phase: "download"},
		{begins: "Get:", counts: "download"},
		{begins: "I: extracting archives", phase: "unpack"},
		{begins: "I: installing essential packages", phase: "install"},
		{begins: "I: installing remaining packages", phase: "install"},
		{begins: "Setting up ", counts: "install"},
		{begins: "I: cleaning package lists", phase: "clean"},

		{begins: "I: Retrieving InRelease", phase: "lists"},
		{begins: "I: Retrieving Release", phase: "lists"},
		{begins: "I: Retrieving Packages", phase: "lists"},
		{begins: "I: Validating Packages", phase: "lists"},
		{begins: "I: Retrieving ", phase: "download", counts: "download"},
		{begins: "I: Validating ", phase: "download"},
		{begins: "I: Extracting ", phase: "unpack", counts: "unpack"},
		{begins: "I: Unpacking ", phase: "install"},
		{begins: "I: Configuring ", phase: "install", counts: "install"},
	}
}

// newly is apt's word on how many packages there are going to be.
var newly = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\d+ upgraded, (\d+) newly installed`)
})

// follow runs the command and turns what it says into steps.
func (j *job) follow(s events.Step, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	c := j.command()
	c.ExtraFiles = slot(ctx)
	c.Stdout = stdout
	lines := make(chan string)
	c.Line = func(_ run.Stream, line string) { lines <- line }
	var failed error // of the command, once lines is closed
	go func() {
		_, failed = c.Run(ctx)
		close(lines)
	}()
	r := &reading{suite: j.String(), lines: lines, said: &complaints{}}
	r.end = func() error { return j.judge(failed, r.said) }
	err := r.phase(s, "lists")
	cancel()
	for range lines { //nolint:revive // nobody listens any more, and it must not wait for us
	}
	return err
}

// reading is how far the command has come.
type reading struct {
	suite       string
	lines       <-chan string
	said        *complaints
	end         func() error // how the command ended, when there are no lines any more
	next        string       // the phase that a line has begun
	done, total int64
}

// phase reads the lines of a phase, and of those after it.
func (r *reading) phase(s events.Step, name string) error {
	for name != "" {
		r.next, r.done = "", 0
		if err := s.Do(&Phase{r.suite, name}, func(s events.Step) error { return r.read(s, name) }); err != nil {
			return err
		}
		name = r.next
	}
	return nil
}

func (r *reading) read(s events.Step, name string) error {
	for line := range r.lines {
		r.said.add(line)
		if strings.HasPrefix(line, "W: ") || strings.HasPrefix(line, "E: ") {
			if err := s.Progress(events.Output{Lines: []string{line}}); err != nil {
				return err
			}
		}
		if m := newly().FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64) // too many for an int64 are none
			r.total += n
		}
		i := slices.IndexFunc(marks(), func(m mark) bool { return strings.HasPrefix(line, m.begins) })
		if i < 0 {
			continue
		}
		m := marks()[i]
		if m.phase != "" && strings.Index(order, m.phase) > strings.Index(order, name) {
			r.next = m.phase
			return nil
		}
		if m.counts == name {
			r.done++
			if err := s.Progress(events.Amount{Done: r.done, Total: r.total, Unit: "packages"}); err != nil {
				return err
			}
		}
	}
	return r.end()
}

// complaints are the last lines in which a program says what went wrong.
type complaints struct{ lines []string }

func (c *complaints) add(line string) {
	if _, text, ok := strings.Cut(line, "E: "); ok && (strings.HasPrefix(line, "E: ") || strings.HasPrefix(line, "dpkg: error")) {
		if c.lines = append(c.lines, text); len(c.lines) > 20 {
			c.lines = c.lines[1:]
		}
	}
}

// judge says what kind of failure it is, in the words of the program.
func (j *job) judge(err error, said *complaints) error {
	e, ok := errors.AsType[*run.Error](err)
	if !ok || e.Err != nil { // nothing has failed, or it was broken off
		return err
	}
	text := strings.Join(said.lines, "; ") + e.Stderr
	why := error(e)
	if len(said.lines) > 0 {
		why = errors.New(j.tool.name + ": " + said.lines[0])
	}
	is := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	mirror := strings.Join(j.mirrors, "; ")
	switch {
	case is("No space left on device", "don't have enough free space"):
		return fault.New("", fault.NoSpace, j.dir, why).WithRemedy("make room, then try again: packages that were downloaded are kept")
	case is("does not have a Release file", "404  Not Found", "Invalid Release file, no entry", "Failed getting release file"):
		return fault.New("", fault.NotFound, j.suite, why).
			WithRemedy("look whether " + j.title + " has it and the mirror still serves it: " + mirror)
	case is("Clearsigned file isn't valid", "does the network require authentication"): // something else came: a web page
		return fault.New("", fault.Unavailable, j.suite, why).WithRemedy("look at the mirror, and at apt's proxy: " + mirror)
	case is("NO_PUBKEY", "is not signed", "couldn't be verified", "unknown key", "No keyring", "Release signed by"):
		return fault.New("", fault.Denied, j.suite, why).WithRemedy("the keys of " + j.title + " are missing or others: apt-get install " + j.keys)
	case is("Hash Sum mismatch", "File has unexpected size", "corrupt"):
		return fault.New("", fault.Corrupt, j.suite, why).WithRemedy("the mirror is being updated, or broken: try again later: " + mirror)
	case is("Could not resolve", "Could not connect", "Temporary failure", "Failed to fetch", "Couldn't download", "timed out"):
		return fault.New("", fault.Unavailable, j.suite, why).WithRemedy("look at the mirror, and at apt's proxy: " + mirror)
	}
	return fault.New("", fault.Unknown, j.suite, why)
}
