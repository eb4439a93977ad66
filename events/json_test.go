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
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// titledCase has everything a payload can have.
type titledCase struct {
	key, title string
	attrs      []slog.Attr
}

func (*titledCase) EventType() string                         { return "case.titled" }
func (c *titledCase) EventKey() string                        { return c.key }
func (c *titledCase) EventTitle() string                      { return c.title }
func (c *titledCase) AppendAttrs(dst []slog.Attr) []slog.Attr { return append(dst, c.attrs...) }
func attrsCase(attrs ...slog.Attr) events.Payload             { return &titledCase{attrs: attrs} }

func beginCase(p events.Payload) events.Event {
	return events.Event{Seq: 1, ID: 1, Phase: events.Begin, Payload: p}
}

func detailCase(v any) events.Event {
	return events.Event{Seq: 1, ID: 1, Phase: events.Progress, Detail: v}
}

func failedCase(reason events.Reason, err error) events.Event {
	return events.Event{Seq: 2, ID: 1, Phase: events.End, Status: events.Failed, Reason: reason, Err: err}
}

// rawCase encodes itself.
type rawCase struct {
	text string
	err  error
	bomb any
}

func (rawCase) EventType() string { return "case.raw" }
func (c rawCase) AppendJSON(dst []byte) ([]byte, error) {
	if c.bomb != nil {
		panic(c.bomb)
	}
	return append(dst, c.text...), c.err
}

// valuerCase hides what it is.
type valuerCase struct{ secret string }

func (valuerCase) LogValue() slog.Value { return slog.StringValue("redacted") }

type stringerCase struct{ n int }

func (s stringerCase) String() string { return fmt.Sprint("n=", s.n) }

func TestAppendJSON(t *testing.T) {
	when := time.Date(2026, 11, 22, 9, 30, 12, 500, time.UTC)
	busy := fault.New("start", fault.Busy, "web", errors.New("locked")).WithRemedy("wait")
	for _, tt := range []struct {
		name string
		ev   events.Event
		want string
	}{
		{
			"zero",
			events.Event{},
			`{"seq":0,"id":0,"phase":"","status":"pending","type":"","t":0}`,
		},
		{
			"begin",
			events.Event{
				Seq: 2, ID: 2, Parent: 1, At: 1234567, Lane: 3, Depth: 1, Phase: events.Begin,
				Payload: &titledCase{"web", "Start web", []slog.Attr{slog.Int("n", 1)}},
			},
			`{"seq":2,"id":2,"parent":1,"phase":"begin","status":"pending","type":"case.titled","key":"web","title":"Start web","t":1234567,"lane":3,"depth":1,"data":{"n":1}}`,
		},
		{
			"end",
			events.Event{
				Seq: 3, ID: 2, Parent: 1, At: 7, Dur: 5, Phase: events.End, Status: events.Succeeded, Detail: 42,
				Payload: &titledCase{"web", "Start web", []slog.Attr{slog.Int("n", 1)}},
			},
			`{"seq":3,"id":2,"parent":1,"phase":"end","status":"succeeded","type":"case.titled","key":"web","t":7,"dur":5,"detail":42}`,
		},
		{
			"skipped",
			events.Event{Seq: 2, ID: 1, Phase: events.End, Status: events.Skipped, Err: events.Skip("already mounted")},
			`{"seq":2,"id":1,"phase":"end","status":"skipped","type":"","t":0,"dur":0,"why":"already mounted"}`,
		},
		{
			"undo",
			events.Event{
				Seq: 4, ID: 3, Parent: 1, Of: 2, Phase: events.Begin, Kind: events.Undo,
				Payload: &events.Named{Type: "mount.bind"}, Err: busy,
			},
			`{"seq":4,"id":3,"parent":1,"phase":"begin","status":"pending","kind":"undo","of":2,"type":"mount.bind","t":0,"err":"start web: locked"}`,
		},
		{
			"fault", failedCase(events.Errored, busy),
			`{"seq":2,"id":1,"phase":"end","status":"failed","type":"","t":0,"dur":0,"reason":"errored","err":"start web: locked","fault":"busy","remedy":["wait"]}`,
		},
		{
			"cancelled", failedCase(events.Cancelled, &events.CancelError{Cause: context.Canceled}),
			`{"seq":2,"id":1,"phase":"end","status":"failed","type":"","t":0,"dur":0,"reason":"cancelled","err":"cancelled","fault":"cancelled"}`,
		},
		{"message", detailCase("a\"b\\c\n\r\t\x00\x1f\x7f<&>\u2028\u2029é\xff\U0001f600"), detailJSON(`"a\"b\\c\n\r\t\u0000\u001f` + "\x7f" + `<&>\u2028\u2029é` + "\ufffd\U0001f600" + `"`)},
		{"int", detailCase(-7), detailJSON(`-7`)},
		{"int32", detailCase(int32(-7)), detailJSON(`-7`)},
		{"uint64", detailCase(uint64(math.MaxUint64)), detailJSON(`18446744073709551615`)},
		{"int8", detailCase(int8(-3)), detailJSON(`-3`)},
		{"float", detailCase(1.5e300), detailJSON(`1.5e+300`)},
		{"float32", detailCase(float32(0.1)), detailJSON(`0.1`)},
		{"nan", detailCase(math.NaN()), detailJSON(`"NaN"`)},
		{"infinity", detailCase(math.Inf(-1)), detailJSON(`"-Inf"`)},
		{"bool", detailCase(true), detailJSON(`true`)},
		{"duration", detailCase(time.Second), detailJSON(`1000000000`)},
		{"time", detailCase(when), detailJSON(`"2026-11-22T09:30:12.0000005Z"`)},
		{"error", detailCase(errors.New("boom")), detailJSON(`"boom"`)},
		{"stringer", detailCase(stringerCase{3}), detailJSON(`"n=3"`)},
		{"amount", detailCase(events.Amount{Done: 3, Total: 10, Unit: "files"}), detailJSON(`{"done":3,"total":10,"unit":"files"}`)},
		{"amount_unknown", detailCase(events.Amount{}), detailJSON(`{"done":0}`)},
		{"raw", detailCase(rawCase{text: `[1,2]`}), detailJSON(`[1,2]`)},
		{"raw_lines", detailCase(rawCase{text: "[1,\n 2]\n"}), detailJSON(`[1,2]`)},
		{"raw_torn", detailCase(rawCase{text: "[1,\n"}), detailJSON(`{"!error":"unexpected end of JSON input"}`)},
		{"raw_error", detailCase(rawCase{text: `[`, err: errors.New("no")}), detailJSON(`{"!error":"no"}`)},
		{"raw_panic", detailCase(rawCase{bomb: "no"}), detailJSON(`{"!error":"panic: no"}`)},
		{"raw_empty", detailCase(rawCase{}), detailJSON(`null`)},
		{"nil_error", detailCase((*fault.Error)(nil)), detailJSON(`{"!error":"panic: runtime error: invalid memory address or nil pointer dereference"}`)},
		{"attrs", detailCase(&mountCase{"web", "a", "b", 1}), detailJSON(`{"source":"a","target":"b","flags":1}`)},
		{"valuer", detailCase(valuerCase{"x"}), detailJSON(`"redacted"`)},
		{"struct", detailCase(struct {
			A int    `json:"a"`
			B string `json:"-"`
			C string
		}{1, "secret", "<c>"}), detailJSON(`{"a":1,"C":"<c>"}`)},
		{"map", detailCase(map[string]any{"b": []int{1}, "a": nil}), detailJSON(`{"a":null,"b":[1]}`)},
		{"channel", detailCase(make(chan int)), detailJSON(`{"!error":"json: unsupported type: chan int"}`)},
		{"data_all_kinds", beginCase(attrsCase(
			slog.String("s", "x\n"), slog.Int64("i", -1), slog.Uint64("u", 1), slog.Float64("f", .5), slog.Bool("b", true),
			slog.Duration("d", time.Millisecond), slog.Time("t", when), slog.Group("g", slog.Int("x", 1), slog.Group("empty")),
			slog.Group("", slog.Int("inlined", 2)), slog.Any("any", []string{"a"}), slog.Any("err", io.EOF), slog.Any("nil", nil),
			slog.Any("v", valuerCase{"x"}), slog.Attr{}, slog.Group("none"),
		)), dataJSON(`{"s":"x\n","i":-1,"u":1,"f":0.5,"b":true,"d":1000000,"t":"2026-11-22T09:30:12.0000005Z","g":{"x":1},"inlined":2,"any":["a"],"err":"EOF","nil":null,"v":"redacted"}`)},
		{"data_none", beginCase(attrsCase()), dataJSON(`{}`)},
		{"data_panic", beginCase(attrsCase(slog.Any("x", (*titledCase)(nil)))), dataJSON(`{"x":{"!error":"panic: runtime error: invalid memory address or nil pointer dereference"}}`)},
		{
			"data_raw", beginCase(rawCase{text: `[1]`}),
			`{"seq":1,"id":1,"phase":"begin","status":"pending","type":"case.raw","t":0,"data":[1]}`,
		},
		{
			"data_raw_empty", beginCase(rawCase{}),
			`{"seq":1,"id":1,"phase":"begin","status":"pending","type":"case.raw","t":0}`,
		},
		{
			"data_raw_panic", beginCase(rawCase{bomb: io.EOF}),
			`{"seq":1,"id":1,"phase":"begin","status":"pending","type":"case.raw","t":0,"data":{"!error":"panic: EOF"}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := string(tt.ev.AppendJSON(nil))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("AppendJSON (-want +got):\n%s", diff)
			}
			if !json.Valid([]byte(got)) {
				t.Error("not JSON")
			}
			if prefixed := string(tt.ev.AppendJSON([]byte("x"))); prefixed != "x"+got {
				t.Errorf("it does not append: %q", prefixed)
			}
			if m, err := json.Marshal(tt.ev); err != nil || !json.Valid(m) {
				t.Errorf("json.Marshal: %q, %v", m, err)
			}
		})
	}
}

func detailJSON(v string) string {
	return `{"seq":1,"id":1,"phase":"progress","status":"pending","type":"","t":0,"detail":` + v + `}`
}

func dataJSON(v string) string {
	return `{"seq":1,"id":1,"phase":"begin","status":"pending","type":"case.titled","t":0,"data":` + v + `}`
}

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
	in := io.MultiReader(strings.NewReader(streamOf(beginCase(nil))), iotest.DataErrReader(&endless{}))
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
			for _, v := range []any{"text", 7, 1.5, true, nil, struct{ X int }{1}, 1e21} {
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

// TestEventJSONRoundTrip: what was written, read and written again is the same, whatever the event is.
func TestEventJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		first := string(ev.AppendJSON(nil))
		if strings.ContainsAny(first, "\n\r\u2028\u2029") {
			t.Fatalf("not one line: %q", first)
		}
		var got events.Event
		for back, err := range events.ReadNDJSON(strings.NewReader(streamOf(ev))) {
			if err != nil {
				t.Fatalf("%v: %s", err, first)
			}
			got = back
			break
		}
		if second := string(got.AppendJSON(nil)); second != first {
			t.Fatalf("first  %s\nsecond %s", first, second)
		}
		if got.Phase != ev.Phase || got.Status != ev.Status || got.At != ev.At || got.Kind != ev.Kind {
			t.Fatalf("got %+v, want %+v", got, ev)
		}
	})
}

func drawEvent(t *rapid.T) events.Event {
	text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune{0, '\n', '"', '\\', 0x2028, 0x2029, 0xfffd, '<', 'é', 0x1f600, 'x'})),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	number := rapid.Int64()
	value := rapid.OneOf(rapid.Map(text, toAny), rapid.Map(number, toAny), rapid.Map(rapid.Float64(), toAny), rapid.Map(rapid.Float32(), toAny),
		rapid.Map(rapid.Bool(), toAny), rapid.Map(rapid.Uint64(), toAny), rapid.Just[any](nil), rapid.Map(text, func(s string) any { return errors.New(s) }),
		rapid.Map(rapid.SliceOf(number), toAny), rapid.Map(rapid.MapOf(text, number), toAny), rapid.Custom(func(t *rapid.T) any {
			return events.Amount{Done: number.Draw(t, "done"), Total: number.Draw(t, "total"), Unit: text.Draw(t, "unit")}
		}))
	var attrs func(depth int) []slog.Attr
	attrs = func(depth int) []slog.Attr {
		var list []slog.Attr
		for range rapid.IntRange(0, 3).Draw(t, "attrs") {
			key := text.Draw(t, "name")
			if depth < 2 && rapid.Bool().Draw(t, "group") {
				list = append(list, slog.Attr{Key: key, Value: slog.GroupValue(attrs(depth + 1)...)})
				continue
			}
			list = append(list, slog.Any(key, value.Draw(t, "value")))
		}
		return list
	}
	ev := events.Event{
		Seq: rapid.Uint64().Draw(t, "seq"), ID: events.ID(rapid.Uint64().Draw(t, "id")), Parent: events.ID(rapid.Uint64().Draw(t, "parent")),
		Of: events.ID(rapid.Uint64().Draw(t, "of")), At: time.Duration(number.Draw(t, "t")), Lane: rapid.Uint32().Draw(t, "lane"),
		Depth: rapid.Uint16().Draw(t, "depth"), Phase: events.Phase(rapid.IntRange(1, 3).Draw(t, "phase")),
		Kind: events.Kind(rapid.IntRange(0, 3).Draw(t, "kind")), Detail: value.Draw(t, "detail"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "payload") {
	case 1:
		ev.Payload = &events.Named{Type: text.Draw(t, "type"), Key: text.Draw(t, "key"), Title: text.Draw(t, "title")}
	case 2:
		ev.Payload = &titledCase{text.Draw(t, "key"), text.Draw(t, "title"), attrs(0)}
	case 3:
		ev.Payload = rawCase{text: rapid.SampledFrom([]string{"", "1", "null", `{"a" : 1}`, `"x"`, "[{}]", `{"done":1.0}`}).Draw(t, "raw")}
	}
	if ev.Phase != events.End {
		if ev.Kind == events.Undo {
			ev.Err = errors.New(text.Draw(t, "cause"))
		}
		return ev
	}
	ev.Dur = time.Duration(number.Draw(t, "dur"))
	ev.Status = events.Status(rapid.IntRange(1, 3).Draw(t, "status"))
	switch ev.Status {
	case events.Failed:
		ev.Reason = events.Reason(rapid.IntRange(1, 5).Draw(t, "reason"))
		ev.Err = drawError(t, text)
	case events.Skipped:
		ev.Err = events.Skip(text.Draw(t, "why"))
	case events.Pending, events.Succeeded:
	}
	return ev
}

func toAny[T any](v T) any { return v }

func drawError(t *rapid.T, text *rapid.Generator[string]) error {
	err := rapid.SampledFrom([]error{
		nil, errors.New("boom"), context.Canceled, &events.CancelError{}, events.ErrBreak,
		fault.New("start", fault.Busy, "web", nil).WithRemedy("wait"), &events.PanicError{Value: 3},
	}).Draw(t, "err")
	if err == nil {
		err = errors.New(text.Draw(t, "text"))
	}
	for range rapid.IntRange(0, 2).Draw(t, "rollbacks") {
		rb := &events.RollbackError{Cause: err}
		for range rapid.IntRange(1, 2).Draw(t, "residue") {
			r := events.Residue{Of: events.ID(rapid.Uint64().Draw(t, "of")), Action: text.Draw(t, "action"), LSN: rapid.Uint64().Draw(t, "lsn")}
			if rapid.Bool().Draw(t, "why") {
				r.Err = errors.New(text.Draw(t, "left"))
			}
			rb.Residue = append(rb.Residue, r)
		}
		err = errors.Join(rb, errors.New(text.Draw(t, "joined")))
	}
	return err
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

func TestAmount(t *testing.T) {
	for _, tt := range []struct {
		a    events.Amount
		want string
	}{
		{events.Amount{}, "0"},
		{events.Amount{Done: 3, Total: 10, Unit: "files"}, "3 of 10 files"},
		{events.Amount{Done: 3, Unit: "files"}, "3 files"},
		{events.Amount{Done: 1 << 20 * 3 / 2, Total: 48 << 20, Unit: "bytes"}, "1.5 MiB of 48.0 MiB"},
		{events.Amount{Done: 1023, Unit: "bytes"}, "1023 B"},
		{events.Amount{Done: math.MaxInt64, Unit: "bytes"}, "8.0 EiB"},
		{events.Amount{Done: math.MinInt64, Unit: "bytes"}, "-8.0 EiB"},
	} {
		if got := tt.a.String(); got != tt.want {
			t.Errorf("%#v: got %q, want %q", tt.a, got, tt.want)
		}
	}
	if f, ok := (events.Amount{Done: 1, Total: 4}).Fraction(); f != .25 || !ok {
		t.Errorf("fraction %v, %v", f, ok)
	}
	if f, ok := (events.Amount{Done: 9, Total: 4}).Fraction(); f != 1 || !ok {
		t.Errorf("fraction %v, %v", f, ok)
	}
	if _, ok := (events.Amount{Done: 9}).Fraction(); ok {
		t.Error("a fraction of an unknown total")
	}
}

func TestString(t *testing.T) {
	web := &titledCase{key: "web"}
	for _, tt := range []struct {
		ev   events.Event
		want string
	}{
		{events.Event{Phase: events.Begin, Payload: web}, "case.titled web: pending"},
		{events.Event{Phase: events.Progress, Payload: web, Detail: events.Amount{Done: 1, Total: 2, Unit: "files"}}, "case.titled web: pending: 1 of 2 files"},
		{events.Event{Phase: events.Progress, Payload: web, Detail: []int{1}}, "case.titled web: pending: [1]"},
		{events.Event{Phase: events.End, Status: events.Succeeded, Kind: events.Undo, Payload: web, Dur: 1234567}, "undo case.titled web: succeeded in 1.23ms"},
		{events.Event{Phase: events.End, Status: events.Failed, Reason: events.Errored, Payload: web, Err: io.EOF}, "case.titled web: failed: EOF"},
		{events.Event{Phase: events.End, Status: events.Failed, Reason: events.Broke, Payload: web, Err: events.ErrBreak, Dur: 7}, "case.titled web: failed (broke) in 7ns: the consumer left"},
		{events.Event{Phase: events.End, Status: events.Skipped, Payload: web, Err: events.Skip("so"), Dur: 7}, "case.titled web: skipped: so"},
	} {
		if got := tt.ev.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestTee(t *testing.T) {
	op := events.New(&emptyCase{}, func(s events.Step) (int, error) { return 0, s.Do(&emptyCase{}, nothing) })
	var seen []uint64
	for ev := range events.Tee(op.Events(t.Context()), func(ev *events.Event) { seen = append(seen, ev.Seq) }) {
		if last := seen[len(seen)-1]; last != ev.Seq {
			t.Errorf("the sink saw %d before the consumer saw %d", last, ev.Seq)
		}
		if ev.Seq == 3 {
			break
		}
	}
	if len(seen) != 3 {
		t.Errorf("the sink saw %v", seen)
	}
}
