package events

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// String is ev on one line for people: the type and key, what became of it, and why.
//
//	jail.start web: pending
//	fetch base: pending: 1.5 MiB of 48.0 MiB
//	undo mount.bind /dev: succeeded in 1.2ms
//	jail.start web: failed in 3.1ms: /dev: permission denied
//	mount.bind /dev: skipped: already mounted
func (ev Event) String() string {
	b := make([]byte, 0, 96)
	if ev.Kind != Forward {
		b = append(append(b, ev.Kind.String()...), ' ')
	}
	b = append(b, ev.Type()...)
	if key := ev.Key(); key != "" {
		b = append(append(b, ' '), key...)
	}
	b = append(append(b, ": "...), ev.Status.String()...)
	if ev.Reason > Errored {
		b = append(append(append(b, " ("...), ev.Reason.String()...), ')')
	}
	if ev.Phase == End && ev.Dur != 0 && ev.Status != Skipped {
		b = append(append(b, " in "...), ev.Dur.Round(roundTo(ev.Dur)).String()...)
	}
	if ev.Detail != nil && ev.Phase == Progress {
		b = append(append(b, ": "...), detailText(ev.Detail)...)
	}
	if ev.Phase == End && ev.Err != nil {
		text := ""
		if skip, ok := ev.Err.(*SkipError); ok { //nolint:errorlint // as the engine gives it
			text = skip.Why
		} else {
			text = errorText(ev.Err)
		}
		if text != "" {
			b = append(append(b, ": "...), text...)
		}
	}
	return string(b)
}

// roundTo leaves about three digits of d.
func roundTo(d time.Duration) time.Duration {
	unit := time.Nanosecond
	for d >= 1000 {
		d /= 10
		unit *= 10
	}
	return unit
}

func detailText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case fmt.Stringer:
		return v.String()
	case error:
		return v.Error()
	case int64:
		return strconv.FormatInt(v, 10)
	}
	var e encoder
	return string(e.any(nil, v))
}

// LogValue is ev as a group of attributes, named as in JSON.
func (ev Event) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Uint64("seq", ev.Seq),
		slog.String("phase", ev.Phase.String()),
		slog.String("type", ev.Type()),
	}
	return slog.GroupValue(ev.appendLog(attrs)...)
}

// appendLog appends what a log says of ev beside its type.
func (ev *Event) appendLog(dst []slog.Attr) []slog.Attr {
	if key := ev.Key(); key != "" {
		dst = append(dst, slog.String("key", key))
	}
	dst = append(dst, slog.String("status", ev.Status.String()))
	if ev.Kind != Forward {
		dst = append(dst, slog.String("kind", ev.Kind.String()))
	}
	dst = append(dst, slog.Uint64("id", uint64(ev.ID)))
	if ev.Parent != 0 {
		dst = append(dst, slog.Uint64("parent", uint64(ev.Parent)))
	}
	if ev.Of != 0 {
		dst = append(dst, slog.Uint64("of", uint64(ev.Of)))
	}
	if ev.Run != nil {
		dst = append(dst, slog.String("run", ev.Run.ID.String()))
	}
	if ev.Phase == End {
		dst = append(dst, slog.Duration("dur", ev.Dur))
	}
	if ev.Reason != NoReason {
		dst = append(dst, slog.String("reason", ev.Reason.String()))
	}
	if skip, ok := ev.Err.(*SkipError); ok && ev.Status == Skipped { //nolint:errorlint // as the engine gives it
		dst = append(dst, slog.String("why", skip.Why))
	} else if ev.Err != nil {
		dst = append(dst, slog.String("err", errorText(ev.Err)))
	}
	if ev.Detail != nil && ev.Phase == Progress {
		dst = append(dst, slog.Any("detail", ev.Detail))
	}
	if a, ok := ev.Payload.(Attrs); ok {
		if data := a.AppendAttrs(nil); len(data) > 0 {
			dst = append(dst, slog.Attr{Key: "data", Value: slog.GroupValue(data...)})
		}
	}
	return dst
}
