package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
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

func (*titledCase) EventType() string { return "case.titled" }

func (c *titledCase) EventKey() string { return c.key }

func (c *titledCase) EventTitle() string { return c.title }

func (c *titledCase) AppendAttrs(dst []slog.Attr) []slog.Attr { return append(dst, c.attrs...) }

func attrsCase(attrs ...slog.Attr) events.Payload { return &titledCase{attrs: attrs} }

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
		{"output", detailCase(events.Output{Lines: []string{"a \"b\"", "c\xff"}, Omitted: 7}), detailJSON(`{"output":["a \"b\"","c` + "\ufffd" + `"],"omitted":7}`)},
		{"output_empty", detailCase(events.Output{}), detailJSON(`{"output":[]}`)},
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
		}), rapid.Custom(func(t *rapid.T) any {
			return events.Output{Lines: rapid.SliceOf(text).Draw(t, "lines"), Omitted: rapid.Int().Draw(t, "omitted")}
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
