package applet

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runApplet runs an applet and returns what it left.
func runApplet(t *testing.T, ctx context.Context, run func(context.Context, *Proc) error, args ...string) (status int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &Proc{Args: args, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr}
	status = Applet{Name: "x", Args: "[ARG]...", About: "Test.", Run: run}.Exec(ctx, p)
	return status, stdout.String(), stderr.String()
}

func TestStatus(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		run    func(context.Context, *Proc) error
		status int
		errs   string
	}{
		{"success", t.Context(), func(context.Context, *Proc) error { return nil }, 0, ""},
		{"error", t.Context(), func(context.Context, *Proc) error { return errors.New("no") }, 1, "x: no\n"},
		{"usage", t.Context(), func(context.Context, *Proc) error { return Usagef("bad %d", 1) }, 2, "x: bad 1\nTry 'x --help' for more information.\n"},
		{"exit", t.Context(), func(context.Context, *Proc) error { return Exit(7) }, 7, ""},
		{"reported", t.Context(), func(_ context.Context, p *Proc) error { p.Errorf("a"); return nil }, 1, "x: a\n"},
		{"panic", t.Context(), func(context.Context, *Proc) error { panic("bug") }, StatusInternal, "x: internal error: bug\n"},
		{"nil-pointer", t.Context(), func(_ context.Context, p *Proc) error { p.applet.Run = nil; return p.applet.Run(nil, nil) }, StatusInternal, "*"},
		{"pipe", t.Context(), func(context.Context, *Proc) error { return &WriteError{syscall.EPIPE} }, StatusPipe, ""},
		{"interrupted", ended, func(ctx context.Context, _ *Proc) error { return ctx.Err() }, StatusInterrupted, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errs := runApplet(t, c.ctx, c.run)
			if status != c.status || c.errs != "*" && errs != c.errs {
				t.Errorf("status %d, printed %q; want %d, %q", status, errs, c.status, c.errs)
			}
		})
	}
}

// TestOrder sees that what was written before an error comes before it.
func TestOrder(t *testing.T) {
	var both bytes.Buffer
	p := &Proc{Stdout: &both, Stderr: &both}
	Applet{Name: "x", Run: func(_ context.Context, p *Proc) error {
		p.Printf("first\n")
		p.Errorf("second")
		p.Printf("third\n")
		return nil
	}}.Exec(t.Context(), p)
	if want := "first\nx: second\nthird\n"; both.String() != want {
		t.Errorf("printed %q, want %q", both.String(), want)
	}
}

func TestOptions(t *testing.T) {
	type result struct {
		a, b bool
		n    int
		name string
		rest string
	}
	parse := func(inOrder bool, args ...string) (r result, err error) {
		status, _, errs := runApplet(t, t.Context(), func(_ context.Context, p *Proc) error {
			o := p.Options()
			a, b := o.Flag("a all", "first"), o.Flag("b", "second")
			n := o.Int("n number", "N", 5, "third")
			name := o.String("name", "NAME", "", "fourth")
			o.Flag("number-all", "fifth")
			o.Digits(func(s string) error { *n = len(s); return nil })
			if inOrder {
				o.InOrder()
			}
			rest, err := o.Parse()
			r = result{*a, *b, *n, *name, strings.Join(rest, " ")}
			return err
		}, args...)
		if status != 0 {
			err = errors.New(errs)
		}
		return r, err
	}
	for _, c := range []struct {
		args    string
		inOrder bool
		want    result
		err     string
	}{
		{"", false, result{n: 5}, ""},
		{"-ab x", false, result{a: true, b: true, n: 5, rest: "x"}, ""},
		{"x -a y", false, result{a: true, n: 5, rest: "x y"}, ""},
		{"x -a y", true, result{n: 5, rest: "x -a y"}, ""},
		{"-n3", false, result{n: 3}, ""},
		{"-an 3 x", false, result{a: true, n: 3, rest: "x"}, ""},
		{"--number=4 --name x", false, result{n: 4, name: "x"}, ""},
		{"--al", false, result{a: true, n: 5}, ""},
		{"-a -- -b", false, result{a: true, n: 5, rest: "-b"}, ""},
		{"-", false, result{n: 5, rest: "-"}, ""},
		{"-123", false, result{n: 3}, ""},
		{"-z", false, result{}, "unknown option -z"},
		{"--zoo", false, result{}, "unknown option --zoo"},
		{"--n 1", false, result{}, "ambiguous"},
		{"-n", false, result{}, "needs a value"},
		{"-n x", false, result{}, `"x" is not a number`},
		{"--all=1", false, result{}, "takes no value"},
	} {
		got, err := parse(c.inOrder, strings.Fields(c.args)...)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%q: %+v, %v; want %+v", c.args, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: error %v, want %q", c.args, err, c.err)
		}
	}
}

func TestHelp(t *testing.T) {
	_, out, _ := runApplet(t, t.Context(), func(_ context.Context, p *Proc) error {
		o := p.Options()
		o.Flag("a all", "show all")
		o.String("file", "FILE", "", "use FILE")
		o.Ignored("z")
		o.Note("A note.")
		_, err := o.Parse()
		return err
	}, "--help")
	want := "Usage: x [ARG]...\nTest.\n\n  -a, --all               show all\n      --file=FILE         use FILE\n      --help              show this help\n\nA note.\n"
	if out != want {
		t.Errorf("help is\n%s\nwant\n%s", out, want)
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "10": 10, "2k": 2048, "3K": 3072, "1M": 1 << 20, "2kB": 2000, "1MiB": 1 << 20, "4b": 2048, "5c": 5, "1G": 1 << 30} {
		if n, err := ParseSize(s); n != want || err != nil {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", s, n, err, want)
		}
	}
	for _, s := range []string{"", "k", "x", "-1", "1z", "9999999999G"} {
		if n, err := ParseSize(s); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", s, n)
		}
	}
}

func TestHuman(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1023: "1023", 1024: "1.0K", 4608: "4.5K", 10 << 10: "10K", 1 << 20: "1.0M", 1<<30 - 1: "1.0G", 3 << 40: "3.0T"} {
		if got := Human(n); got != want {
			t.Errorf("Human(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{"1": time.Second, "0.5": time.Second / 2, "2m": 2 * time.Minute, "1h": time.Hour, "1d": 24 * time.Hour, "inf": 1<<63 - 1} {
		if d, err := ParseDuration(s); d != want || err != nil {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", s, d, err, want)
		}
	}
	for _, s := range []string{"", "x", "-1", "1x", "nan"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", s, d)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"now": "2026-11-22T10:30:00Z", "@0": "1970-01-01T00:00:00Z", "2020-02-03": "2020-02-03T00:00:00Z",
		"2020-02-03 04:05:06": "2020-02-03T04:05:06Z", "yesterday": "2026-11-21T10:30:00Z", "2 days ago": "2026-11-20T10:30:00Z",
		"+1 hour": "2026-11-22T11:30:00Z", "12:00": "2026-11-22T12:00:00Z", "2020-02-03T04:05:06+01:00": "2020-02-03T03:05:06Z",
	} {
		if got, err := ParseTime(s, now); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("ParseTime(%q) = %v, %v; want %s", s, got, err, want)
		}
	}
	if _, err := ParseTime("some day", now); err == nil {
		t.Error("ParseTime(some day) is no error")
	}
}

func TestCompareVersions(t *testing.T) {
	sorted := []string{"a", "a1", "a2", "a10", "a10b", "b1.2", "b1.10", "b01.11"}
	for i := 1; i < len(sorted); i++ {
		if CompareVersions(sorted[i-1], sorted[i]) >= 0 || CompareVersions(sorted[i], sorted[i-1]) <= 0 {
			t.Errorf("%q does not come before %q", sorted[i-1], sorted[i])
		}
	}
}
