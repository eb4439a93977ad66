package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// data appends the payload's data as a field, nothing if it has none.
func (e *encoder) data(dst []byte, p Payload) (out []byte) {
	const field = `,"data":`
	n := len(dst)
	defer func() {
		if v := recover(); v != nil {
			out = appendBroken(append(dst[:n], field...), panicText(v))
		}
	}()
	switch p := p.(type) {
	case JSONData:
		dst = append(dst, field...)
		start := len(dst)
		if dst = appendRaw(dst, p); len(dst) == start { // it has nothing to say
			return dst[:n]
		}
	case Attrs:
		e.attrs = p.AppendAttrs(e.attrs[:0])
		dst = e.object(append(dst, field...), e.attrs)
		clear(e.attrs)
	}
	return dst
}

// any appends v as one JSON value.
func (e *encoder) any(dst []byte, v any) (out []byte) {
	n := len(dst)
	defer func() {
		if v := recover(); v != nil {
			out = appendBroken(dst[:n], panicText(v))
		}
	}()
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case JSONData:
		if dst = appendRaw(dst, v); len(dst) == n {
			return append(dst, "null"...)
		}
		return dst
	case json.RawMessage:
		return append(dst, v...)
	case string:
		return appendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case int32:
		return strconv.AppendInt(dst, int64(v), 10)
	case uint:
		return strconv.AppendUint(dst, uint64(v), 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10)
	case float64:
		return appendFloat(dst, v, 64)
	case float32:
		return appendFloat(dst, float64(v), 32)
	case time.Duration:
		return strconv.AppendInt(dst, int64(v), 10)
	case time.Time:
		return appendTime(dst, v)
	case Attrs:
		return e.object(dst, v.AppendAttrs(nil))
	case json.Marshaler:
		return appendReflected(dst, v)
	case error:
		return appendString(dst, v.Error())
	case slog.LogValuer:
		return e.value(dst, slog.AnyValue(v))
	case fmt.Stringer:
		return appendString(dst, v.String())
	}
	return appendReflected(dst, v)
}

// object appends attrs as slog's JSON handler would: a group with an empty name is inlined, an empty
// group and an empty attribute are left out.
func (e *encoder) object(dst []byte, attrs []slog.Attr) []byte {
	dst = append(dst, '{')
	start := len(dst)
	dst = e.members(dst, start, attrs)
	return append(dst, '}')
}

func (e *encoder) members(dst []byte, start int, attrs []slog.Attr) []byte {
	for i := range attrs {
		a := &attrs[i]
		v := a.Value
		if v.Kind() == slog.KindLogValuer {
			v = v.Resolve()
		}
		if v.Kind() == slog.KindGroup {
			group := v.Group()
			if a.Key == "" {
				dst = e.members(dst, start, group)
				continue
			}
			if len(group) == 0 {
				continue
			}
		} else if a.Key == "" && v.Kind() == slog.KindAny && v.Any() == nil {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, a.Key), ':')
		dst = e.value(dst, v)
	}
	return dst
}

func (e *encoder) value(dst []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		return appendString(dst, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(dst, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(dst, v.Uint64(), 10)
	case slog.KindFloat64:
		return appendFloat(dst, v.Float64(), 64)
	case slog.KindBool:
		return strconv.AppendBool(dst, v.Bool())
	case slog.KindDuration:
		return strconv.AppendInt(dst, int64(v.Duration()), 10)
	case slog.KindTime:
		return appendTime(dst, v.Time())
	case slog.KindGroup:
		return e.object(dst, v.Group())
	case slog.KindLogValuer:
		return e.value(dst, v.Resolve())
	default:
		return e.any(dst, v.Any())
	}
}

// appendRaw appends what v gives, on one line. A line break is the one flaw that would tear a stream
// apart; that the value is JSON is v's promise.
func appendRaw(dst []byte, v JSONData) []byte {
	n := len(dst)
	out, err := v.AppendJSON(dst)
	if err != nil {
		return appendBroken(dst[:n], err.Error())
	}
	if bytes.IndexByte(out[n:], '\n') < 0 {
		return out
	}
	var line bytes.Buffer
	if err := json.Compact(&line, out[n:]); err != nil {
		return appendBroken(out[:n], err.Error())
	}
	return append(out[:n], line.Bytes()...)
}

// appendReflected is the slow way, for what knows encoding/json only.
func appendReflected(dst []byte, v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return appendBroken(dst, err.Error())
	}
	return append(dst, bytes.TrimRight(b.Bytes(), "\n")...)
}

// appendBroken stands for a value that could not be encoded.
func appendBroken(dst []byte, why string) []byte {
	return append(appendString(append(dst, `{"!error":`...), why), '}')
}

func panicText(v any) string { return fmt.Sprintf("panic: %v", v) }
