package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

func TestAppendJSONResidue(t *testing.T) {
	inner := &events.RollbackError{Cause: errors.New("boom"), Residue: []events.Residue{{Of: 3, Action: "a", Err: errors.New("x"), LSN: 9}}}
	outer := &events.RollbackError{Cause: fmt.Errorf("start: %w", inner), Residue: []events.Residue{{Of: 2, Action: "b"}}}
	ev := failedCase(events.Errored, fmt.Errorf("web: %w", outer))
	got := string(ev.AppendJSON(nil))
	want := `"residue":[{"of":3,"action":"a","err":"x","lsn":9},{"of":2,"action":"b"}]}`
	if !strings.HasSuffix(got, want) {
		t.Errorf("got %s\nwant it to end in %s", got, want)
	}
	back := readBack(t, ev)
	var rb *events.RollbackError
	if !errors.As(back.Err, &rb) || len(rb.Residue) != 2 || rb.Residue[0].LSN != 9 || rb.Residue[0].Err.Error() != "x" {
		t.Errorf("read back: %#v", back.Err)
	}
	if back.Err.Error() != ev.Err.Error() {
		t.Errorf("read back: %q, want %q", back.Err, ev.Err)
	}
	direct := readBack(t, failedCase(events.Errored, inner))
	if rb, ok := errors.AsType[*events.RollbackError](direct.Err); !ok || rb.Cause.Error() != "boom" || rb.Error() != inner.Error() {
		t.Errorf("read back: %#v", rb)
	}
}

// readBack writes ev and reads it.
func readBack(tb testing.TB, ev events.Event) events.Event {
	tb.Helper()
	for got, err := range events.ReadNDJSON(strings.NewReader(streamOf(ev))) {
		if err != nil {
			tb.Fatal(err)
		}
		return got
	}
	tb.Fatal("nothing was read")
	return ev
}

func streamOf(evs ...events.Event) string {
	var b strings.Builder
	sink := events.NDJSON(&b)
	for _, ev := range evs {
		sink(&ev)
	}
	return b.String()
}

// collect reads until the end or the first error.
func collect(seq iter.Seq2[events.Event, error]) (evs []events.Event, err error) {
	for ev, e := range seq {
		if e != nil {
			return evs, e
		}
		evs = append(evs, ev)
	}
	return evs, nil
}

// TestRecordedError asks a read error what consumers ask of a live one.
func TestRecordedError(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason events.Reason
		err    error
		is     []error
	}{
		{"cancelled", events.Cancelled, &events.CancelError{Cause: errors.New("ctrl-c")}, []error{context.Canceled, fault.Cancelled}},
		{"deadline", events.Cancelled, &events.CancelError{Cause: context.DeadlineExceeded}, []error{context.Canceled, fault.Cancelled}},
		{"broke", events.Broke, events.ErrBreak, []error{events.ErrBreak}},
		{"exited", events.Exited, events.ErrExited, []error{events.ErrExited}},
		{"errored", events.Errored, fault.New("x", fault.Busy, "", nil).WithRemedy("wait"), []error{fault.Busy}},
		{"plain", events.Errored, errors.New("boom"), nil},
		{"panicked", events.Panicked, &events.PanicError{Value: "boom"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := readBack(t, failedCase(tt.reason, tt.err)).Err
			if got.Error() != tt.err.Error() {
				t.Errorf("text %q, want %q", got, tt.err)
			}
			if got, want := fault.KindOf(got), fault.KindOf(tt.err); got != want {
				t.Errorf("kind %v, want %v", got, want)
			}
			if got, want := fault.ExitCode(got), fault.ExitCode(tt.err); got != want {
				t.Errorf("exit code %v, want %v", got, want)
			}
			if diff := cmp.Diff(fault.Remedies(tt.err), fault.Remedies(got)); diff != "" {
				t.Errorf("remedies: %s", diff)
			}
			for _, is := range tt.is {
				if !errors.Is(got, is) {
					t.Errorf("it is not %v", is)
				}
			}
			if _, ok := errors.AsType[*events.PanicError](got); ok != (tt.reason == events.Panicked) {
				t.Errorf("a panic: %v", ok)
			}
		})
	}
}

func TestReadNDJSON(t *testing.T) {
	const header = `{"v":1,"run":"01J00000000000000000000000","started":"2026-11-22T09:30:12.5Z","host":"h","pid":7,"later":1}` + "\n"
	const begin = `{"seq":1,"id":1,"phase":"begin","status":"pending","type":"a","key":"k","title":"T","t":1,"data":{"b":1,"a":{"x":"y"}}}` + "\n"
	const end = `{"seq":2,"id":1,"phase":"end","status":"succeeded","type":"a","key":"k","t":3,"dur":2}` + "\n"
	for _, tt := range []struct {
		name, in string
		n        int
		err      error
		line     int
	}{
		{"whole", header + begin + end, 2, nil, 0},
		{"no_last_newline", strings.TrimSpace(header + begin + end), 2, nil, 0},
		{"blank_lines", "\n" + header + "\r\n\n" + begin + " \n" + end + "\n", 2, nil, 0},
		{"unknown_phase", header + begin + `{"phase":"heartbeat","seq":"?"` + "\n", 1, errAny, 3},
		{"unknown_records", header + begin + `{"phase":"heartbeat","seq":7}` + "\n" + `{"note":"x"}` + "\n" + end, 2, nil, 0},
		{"two_streams", header + begin + end + header + begin + end, 4, nil, 0},
		{"empty", "", 0, events.ErrTruncated, 0},
		{"header_only", header, 0, events.ErrTruncated, 1},
		{"no_end", header + begin, 1, events.ErrTruncated, 2},
		{"torn", header + begin + end[:20], 1, events.ErrTruncated, 3},
		{"torn_header", header[:20], 0, events.ErrTruncated, 1},
		{"zeros", header + begin + "\x00\x00\x00\x00", 1, events.ErrTruncated, 3},
		{"next_before_end", header + begin + header + begin + end, 1, events.ErrTruncated, 3},
		{"no_header", begin + end, 0, events.ErrNoHeader, 1},
		{"other_file", "Copyright (c)\n", 0, events.ErrNoHeader, 1},
		{"other_line", "Copyright (c)", 0, events.ErrNoHeader, 1},
		{"newer_line", `{"v":2}`, 0, events.ErrVersion, 1},
		{"newer", strings.Replace(header, `"v":1`, `"v":2`, 1) + begin, 0, events.ErrVersion, 1},
		{"broken_middle", header + "{\n" + begin + end, 0, errAny, 2},
		{"not_an_object", header + "7\n" + end, 0, errAny, 2},
		{"unknown_status", header + strings.Replace(end, "succeeded", "evaporated", 1), 0, errAny, 2},
		{"depth_overflow", header + strings.Replace(end, `"t":3`, `"depth":65536`, 1), 0, errAny, 2},
		{"after_the_end", header + begin + end + end, 2, errAny, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			evs, err := collect(events.ReadNDJSON(iotest.OneByteReader(strings.NewReader(tt.in))))
			if len(evs) != tt.n {
				t.Errorf("%d events, want %d", len(evs), tt.n)
			}
			if tt.err == nil {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			if tt.err != errAny && !errors.Is(err, tt.err) { //nolint:errorlint // a mark of the table
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if le, ok := errors.AsType[*events.LineError](err); !ok || le.Line != tt.line {
				t.Errorf("error %v, want line %d", err, tt.line)
			}
		})
	}
	evs, err := collect(events.ReadNDJSON(strings.NewReader(header + begin + end)))
	if err != nil {
		t.Fatal(err)
	}
	b, e := evs[0], evs[1]
	if r := b.Run; r != e.Run || r.Host != "h" || r.PID != 7 || r.ID.String() != "01J00000000000000000000000" || r.Started.Nanosecond() != 5e8 {
		t.Errorf("run %+v", r)
	}
	if b.Payload != e.Payload || b.Type() != "a" || b.Key() != "k" || e.Title() != "T" || e.Dur != 2 || e.At != 3 {
		t.Errorf("got %+v, %+v", b, e)
	}
	p, ok := events.As[*events.Recorded](b)
	if want := "[b=1 a=[x=y]]"; !ok || fmt.Sprint(p.AppendAttrs(nil)) != want {
		t.Errorf("attrs %v, want %v", p.AppendAttrs(nil), want)
	}
}

var errAny = errors.New("any error")

func TestReadNDJSONLongLines(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	got := readBack(t, detailCase(long))
	if got.Detail != long {
		t.Errorf("a detail of %d bytes came back as %T", len(long), got.Detail)
	}
	in := io.MultiReader(strings.NewReader(streamOf(beginCase(nil))), &endless{})
	evs, err := collect(events.ReadNDJSON(in))
	if le, ok := errors.AsType[*events.LineError](err); len(evs) != 1 || !ok || le.Line != 3 {
		t.Errorf("got %d events, error %v", len(evs), err)
	}
	broken := io.MultiReader(strings.NewReader(streamOf(beginCase(nil))), iotest.ErrReader(io.ErrNoProgress))
	if _, err := collect(events.ReadNDJSON(broken)); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
}

// endless is a line without an end.
type endless struct{}

func (*endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestReadNDJSONLeave(t *testing.T) {
	n := 0
	for range events.ReadNDJSON(strings.NewReader(streamOf(beginCase(nil), beginCase(nil)))) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("yielded %d", n)
	}
}

// TestNDJSONRoundTrip reads a whole recorded operation and writes it again: not a byte differs.
func TestNDJSONRoundTrip(t *testing.T) {
	var file bytes.Buffer
	boom := fault.New("mount", fault.Denied, "/dev", errors.New("boom")).WithRemedy("run it as root")
	op := events.New(&titledCase{key: "web", title: "Start\u2028web"}, func(s events.Step) (int, error) {
		s.OnRollback("stays", func(events.Step) error { return errors.New("busy") })
		_ = s.Do(&mountCase{"web", "a\xff", "b", 3}, func(s events.Step) error {
			s.Result(map[string]int{"x": 1})
			return s.Progress(events.Amount{Done: 1 << 40, Total: 1 << 41, Unit: "bytes"})
		})
		_ = s.Do(rawCase{text: `{"k": [1.50]}`}, func(s events.Step) error {
			for _, v := range []any{"text", 7, 1.5, true, nil, struct{ X int }{1}, 1e21, events.Output{Lines: []string{"a", ""}, Omitted: 3}} {
				_ = s.Progress(v)
			}
			return events.Skip("so already")
		})
		_ = s.Group(func(g *events.Group) {
			for range 3 {
				g.Go(&events.Named{Type: "lane"}, func(s events.Step) error { return s.Do(&emptyCase{}, nothing) })
			}
		})
		return 0, boom
	})
	var live []string
	for ev := range op.Events(t.Context(), events.WithSink(events.NDJSON(&file)), events.WithOrigin("hé", 7)) {
		live = append(live, ev.String())
	}
	recorded := file.String()
	var again bytes.Buffer
	sink := events.NDJSON(&again)
	var replayed []string
	for ev, err := range events.ReadNDJSON(strings.NewReader(recorded)) {
		if err != nil {
			t.Fatal(err)
		}
		replayed = append(replayed, ev.String())
		sink(&ev)
	}
	if diff := cmp.Diff(recorded, again.String()); diff != "" {
		t.Errorf("written again (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(live, replayed); diff != "" {
		t.Errorf("rendered (-live +replayed):\n%s", diff)
	}
}

// FuzzReadNDJSON: reading never panics, tells the line of what is wrong, and what was understood is
// written and read again without a change.
func FuzzReadNDJSON(f *testing.F) {
	f.Add([]byte(streamOf(sampleEvents()...)))
	f.Add([]byte(streamOf(detailCase(events.Amount{Done: 1}), failedCase(events.Errored, &events.RollbackError{Cause: io.EOF, Residue: []events.Residue{{Of: 1}}}))))
	f.Fuzz(func(t *testing.T, in []byte) {
		evs, err := collect(events.ReadNDJSON(bytes.NewReader(in)))
		if le, ok := errors.AsType[*events.LineError](err); err != nil && (!ok || le.Line < 0 || le.Line > bytes.Count(in, []byte("\n"))+1) {
			t.Fatalf("error %v", err)
		}
		first := streamOf(evs...)
		again, err := collect(events.ReadNDJSON(strings.NewReader(first)))
		if err != nil && !errors.Is(err, events.ErrTruncated) {
			t.Fatalf("what was written cannot be read: %v\n%s", err, first)
		}
		if second := streamOf(again...); second != first {
			t.Fatalf("first:\n%s\nsecond:\n%s", first, second)
		}
		for _, ev := range evs {
			_ = ev.String()
			_ = ev.LogValue().String()
		}
	})
}

// failingWriter fails after some writes.
type failingWriter struct {
	ok    int
	short bool
	calls int
	buf   bytes.Buffer
}

func (w *failingWriter) Write(p []byte) (int, error) {
	w.calls++
	switch {
	case w.calls <= w.ok:
		return w.buf.Write(p)
	case w.short:
		return w.buf.Write(p[:len(p)/2])
	}
	return 0, os.ErrClosed
}

func TestNDJSONWriter(t *testing.T) {
	evs := sampleEvents()
	for _, tt := range []struct {
		name string
		w    failingWriter
		err  error
	}{
		{"whole", failingWriter{ok: 9}, nil},
		{"failing", failingWriter{ok: 1}, os.ErrClosed},
		{"short", failingWriter{ok: 1, short: true}, io.ErrShortWrite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := events.NewNDJSONWriter(&tt.w)
			sink := w.Sink()
			for range 3 {
				sink(&evs[0])
			}
			if !errors.Is(w.Err(), tt.err) {
				t.Errorf("error %v, want %v", w.Err(), tt.err)
			}
			want := 3
			if tt.err != nil {
				want = 2 // nothing is written after the error
			}
			if tt.w.calls != want {
				t.Errorf("%d writes, want %d", tt.w.calls, want)
			}
			for line := range strings.Lines(tt.w.buf.String()) {
				if strings.HasSuffix(line, "\n") && !json.Valid([]byte(line)) {
					t.Errorf("line %q", line)
				}
			}
		})
	}
}

// TestRecordedAttrs: what was read back logs like the original.
func TestRecordedAttrs(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{``, `[]`},
		{`{"s":"x","i":-1,"u":18446744073709551615,"f":1.5,"b":true,"g":{"x":{"y":false}},"l":[1,"a"],"n":null}`, `[s=x i=-1 u=18446744073709551615 f=1.5 b=true g=[x=[y=false]] l=[1,"a"] n=null]`},
		{`"text"`, `[data=text]`},
		{`[1]`, `[data=[1]]`},
	} {
		p := &events.Recorded{Data: json.RawMessage(tt.data)}
		var words []string
		for _, a := range p.AppendAttrs(nil) {
			if raw, ok := a.Value.Any().(json.RawMessage); ok {
				a.Value = slog.StringValue(string(raw))
			}
			words = append(words, a.String())
		}
		if got := "[" + strings.Join(words, " ") + "]"; got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.data, got, tt.want)
		}
	}
}
