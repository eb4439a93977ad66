package fault

import (
	"strconv"
	"strings"
	"time"
)

// HeldError is the cause of a Busy error: who has the subject. Find it with errors.AsType[*HeldError].
type HeldError struct {
	Op    string    // the operation that runs, "stop"; empty: not known
	PID   int       // the process that runs it; 0: not known
	Since time.Time // when it began; zero: not known
}

// InUse returns the Busy error of op, which found subject held by another.
func InUse(op, subject string, by *HeldError) *Error {
	return New(op, Busy, subject, by)
}

// Error reads "busy: stop by pid 4711 since 2026-11-22T09:30:12Z", without what is not known. The
// time is not put in relation to now: the text must stay true while it lies in a log.
func (h *HeldError) Error() string {
	var known []string
	if h.Op != "" {
		known = append(known, h.Op)
	}
	if h.PID != 0 {
		known = append(known, "by pid "+strconv.Itoa(h.PID))
	}
	if !h.Since.IsZero() {
		known = append(known, "since "+h.Since.Format(time.RFC3339))
	}
	if len(known) == 0 {
		return Busy.Error()
	}
	return Busy.Error() + ": " + strings.Join(known, " ")
}

// NeedsError is the cause of a NotSupported error. Find it with errors.AsType[*NeedsError].
type NeedsError struct {
	Feature string // what was wanted: "idmapped mounts"
	Needs   string // what it would take: "Linux 5.12"; empty: nothing would help
}

// Unsupported returns the error of a host that lacks what feature needs. Op and subject are the
// caller's to add by wrapping, if there is more to say than the feature's name.
func Unsupported(feature, needs string) *Error {
	return New("", NotSupported, "", &NeedsError{Feature: feature, Needs: needs})
}

// Error reads "idmapped mounts: not supported here: needs Linux 5.12".
func (e *NeedsError) Error() string {
	text := e.Feature + ": not supported here"
	if e.Needs != "" {
		text += ": needs " + e.Needs
	}
	return text
}
