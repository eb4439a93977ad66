package events

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/libioc/ioc/fault"
)

// AppendJSON appends ev as one JSON object on one line, as NDJSON writes it. Fields that say nothing
// are left out:
//
//	seq, id, parent    numbers; a root has no parent
//	phase, status      names, as their String gives them
//	kind, of           the kind if it is not forward; of: the event that is undone
//	type, key          of the payload
//	title, data        of the payload, at Begin only: what JSONData or Attrs give
//	t, dur             nanoseconds since the run's start; dur at End only
//	lane, depth        if not 0
//	detail             of Progress and End
//	reason, err        why it failed; at the Begin of an undo, err is the cause
//	fault, remedy      kind and remedies as package fault reads them from the error
//	residue            what a rollback left: a list of of, action, err, lsn
//	why                of a skipped step
//
// It uses no reflection, except for a detail that is nothing AppendJSON knows: a JSONData, Attrs, string,
// number, bool, time, duration (nanoseconds), error or fmt.Stringer. Strings that are not UTF-8 are
// made so. A payload or detail that cannot be encoded, or panics, is replaced by {"!error":"..."}.
func (ev Event) AppendJSON(dst []byte) []byte {
	var e encoder
	return e.event(dst, &ev)
}

// MarshalJSON is AppendJSON for encoding/json.
func (ev Event) MarshalJSON() ([]byte, error) { return ev.AppendJSON(nil), nil }

// encoder keeps what encoding needs between two records, so that nothing is allocated for them.
type encoder struct{ attrs []slog.Attr }

func (e *encoder) event(dst []byte, ev *Event) []byte {
	dst = strconv.AppendUint(append(dst, `{"seq":`...), ev.Seq, 10)
	dst = strconv.AppendUint(append(dst, `,"id":`...), uint64(ev.ID), 10)
	if ev.Parent != 0 {
		dst = strconv.AppendUint(append(dst, `,"parent":`...), uint64(ev.Parent), 10)
	}
	dst = append(append(dst, `,"phase":"`...), ev.Phase.String()...)
	dst = append(append(dst, `","status":"`...), ev.Status.String()...)
	if ev.Kind != Forward {
		dst = append(append(dst, `","kind":"`...), ev.Kind.String()...)
	}
	dst = append(dst, '"')
	if ev.Of != 0 {
		dst = strconv.AppendUint(append(dst, `,"of":`...), uint64(ev.Of), 10)
	}
	dst = appendString(append(dst, `,"type":`...), ev.Type())
	if key := ev.Key(); key != "" {
		dst = appendString(append(dst, `,"key":`...), key)
	}
	if ev.Phase == Begin {
		if title := ev.Title(); title != "" {
			dst = appendString(append(dst, `,"title":`...), title)
		}
	}
	dst = strconv.AppendInt(append(dst, `,"t":`...), int64(ev.At), 10)
	if ev.Phase == End {
		dst = strconv.AppendInt(append(dst, `,"dur":`...), int64(ev.Dur), 10)
	}
	if ev.Lane != 0 {
		dst = strconv.AppendUint(append(dst, `,"lane":`...), uint64(ev.Lane), 10)
	}
	if ev.Depth != 0 {
		dst = strconv.AppendUint(append(dst, `,"depth":`...), uint64(ev.Depth), 10)
	}
	if ev.Detail != nil {
		dst = e.any(append(dst, `,"detail":`...), ev.Detail)
	}
	if ev.Reason != NoReason {
		dst = append(append(append(dst, `,"reason":"`...), ev.Reason.String()...), '"')
	}
	if ev.Err != nil {
		dst = e.failure(dst, ev)
	}
	if ev.Phase == Begin {
		dst = e.data(dst, ev.Payload)
	}
	return append(dst, '}')
}

// failure appends what ev.Err says.
func (e *encoder) failure(dst []byte, ev *Event) []byte {
	if skip, ok := ev.Err.(*SkipError); ok && ev.Status == Skipped { //nolint:errorlint // as the engine gives it
		if skip.Why != "" {
			dst = appendString(append(dst, `,"why":`...), skip.Why)
		}
		return dst
	}
	if text := errorText(ev.Err); text != "" {
		dst = appendString(append(dst, `,"err":`...), text)
	}
	if ev.Phase != End {
		return dst
	}
	kind, remedies := "", []string(nil)
	if rec, ok := ev.Err.(*RecordedError); ok { //nolint:errorlint // what was read is written as it was
		kind, remedies = rec.Fault, rec.Remedies
	} else {
		if k := fault.KindOf(ev.Err); k != fault.Unknown {
			kind = k.Name()
		}
		remedies = fault.Remedies(ev.Err)
	}
	if kind != "" {
		dst = appendString(append(dst, `,"fault":`...), kind)
	}
	for i, r := range remedies {
		dst = appendString(listItem(dst, `,"remedy":[`, i), r)
	}
	dst = listEnd(dst, len(remedies))
	residue := residueOf(nil, ev.Err)
	for i := range residue {
		dst = appendResidue(listItem(dst, `,"residue":[`, i), &residue[i])
	}
	return listEnd(dst, len(residue))
}

func listItem(dst []byte, start string, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return append(dst, start...)
}

func listEnd(dst []byte, n int) []byte {
	if n > 0 {
		return append(dst, ']')
	}
	return dst
}

func appendResidue(dst []byte, r *Residue) []byte {
	dst = strconv.AppendUint(append(dst, `{"of":`...), uint64(r.Of), 10)
	dst = appendString(append(dst, `,"action":`...), r.Action)
	if r.Err != nil {
		dst = appendString(append(dst, `,"err":`...), errorText(r.Err))
	}
	if r.LSN != 0 {
		dst = strconv.AppendUint(append(dst, `,"lsn":`...), r.LSN, 10)
	}
	return append(dst, '}')
}

// residueOf appends what all rollbacks in err's tree left behind, the innermost first.
func residueOf(dst []Residue, err error) []Residue {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case *RecordedError:
		return append(dst, e.Residue...)
	case *RollbackError:
		return append(residueOf(dst, e.Cause), e.Residue...)
	case interface{ Unwrap() error }:
		return residueOf(dst, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, branch := range e.Unwrap() {
			dst = residueOf(dst, branch)
		}
	}
	return dst
}

// errorText is err's text, also if it cannot be had.
func errorText(err error) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = panicText(v)
		}
	}()
	if rec, ok := err.(*RecordedError); ok { //nolint:errorlint // without what Error puts in its place if empty
		return rec.Text
	}
	return err.Error()
}

// appendHeader appends the first line of a stream.
func appendHeader(dst []byte, run *RunInfo) []byte {
	dst = append(append(dst, `{"v":1,"run":"`...), run.ID.String()...)
	dst = append(dst, `","started":"`...)
	dst = run.Started.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, '"')
	if run.Host != "" {
		dst = appendString(append(dst, `,"host":`...), run.Host)
	}
	if run.PID != 0 {
		dst = strconv.AppendInt(append(dst, `,"pid":`...), int64(run.PID), 10)
	}
	return append(dst, '}')
}
