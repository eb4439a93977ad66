package fault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/libioc/ioc/fault"
)

// rollback stands for an error of another package that knows its kind and hides part of its tree.
type rollback struct{ cause error }

func (r *rollback) Error() string         { return r.cause.Error() }
func (r *rollback) Unwrap() error         { return r.cause }
func (r *rollback) FaultKind() fault.Kind { return fault.Residue }
func wrapped(err error) error             { return fmt.Errorf("outer: %w", err) }
func denied() *fault.Error                { return fault.New("mount", fault.Denied, "/dev", io.ErrClosedPipe) }
func under(k fault.Kind, err error) error { return fault.New("start", k, "web", err) }
func joined(errs ...error) error          { return wrapped(errors.Join(errs...)) }
func remedied(text string, err error) error {
	return fault.New("", fault.Unknown, "", err).WithRemedy(text)
}

func TestText(t *testing.T) {
	devfs := errors.New("devfs: permission denied")
	since := time.Date(2026, 11, 22, 9, 30, 12, 0, time.UTC)
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"chain", under(fault.Unknown, fault.New("mount", fault.Denied, "/dev", devfs)), "start web: mount /dev: devfs: permission denied"},
		{"no_cause", under(fault.NotFound, nil), "start web: not found"},
		{"no_cause_no_kind", under(fault.Unknown, nil), "start web: failed"},
		{"no_subject", fault.New("recover", fault.Corrupt, "", io.EOF), "recover: EOF"},
		{"no_op", fault.New("", fault.Exists, "web", nil), "web: already exists"},
		{"only_kind", fault.New("", fault.Timeout, "", nil), "timed out"},
		{"only_cause", fault.New("", fault.Timeout, "", io.EOF), "EOF"},
		{"zero", &fault.Error{}, "failed"},
		{"said_once", under(fault.Unknown, under(fault.Busy, nil)), "start web: busy"},
		{"said_once_deep", under(fault.Unknown, under(fault.Busy, under(fault.Busy, io.EOF))), "start web: EOF"},
		{"other_subject", under(fault.Unknown, fault.New("start", fault.Busy, "webmail", nil)), "start web: start webmail: busy"},
		{"through_fmt", under(fault.Unknown, wrapped(denied())), "start web: outer: mount /dev: " + io.ErrClosedPipe.Error()},
		{"remedy_is_not_text", denied().WithRemedy("run it as root"), "mount /dev: " + io.ErrClosedPipe.Error()},
		{"held", fault.InUse("start", "web", &fault.HeldError{Op: "stop", PID: 4711, Since: since}), "start web: busy: stop by pid 4711 since 2026-11-22T09:30:12Z"},
		{"held_pid", fault.InUse("start", "web", &fault.HeldError{PID: 4711}), "start web: busy: by pid 4711"},
		{"held_nothing_known", fault.InUse("start", "web", &fault.HeldError{}), "start web: busy"},
		{"unsupported", under(fault.Unknown, fault.Unsupported("idmapped mounts", "Linux 5.12")), "start web: idmapped mounts: not supported here: needs Linux 5.12"},
		{"unsupported_ever", fault.Unsupported("jail(2)", ""), "jail(2): not supported here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("Error() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestClassification(t *testing.T) {
	tests := []struct {
		name string
		err  error
		kind fault.Kind
		exit int
	}{
		{"nil", nil, fault.Unknown, 0},
		{"foreign", io.EOF, fault.Unknown, 1},
		{"own", denied(), fault.Denied, 1},
		{"bare_kind", fault.NoSpace, fault.NoSpace, 1},
		{"wrapped_kind", wrapped(fault.NoSpace), fault.NoSpace, 1},
		{"wrapped", wrapped(wrapped(denied())), fault.Denied, 1},
		{"inherits", under(fault.Unknown, wrapped(denied())), fault.Denied, 1},
		{"outermost_wins", under(fault.Busy, denied()), fault.Busy, 1},
		{"kind_over_context", under(fault.Unavailable, context.Canceled), fault.Unavailable, 1},
		{"canceled", context.Canceled, fault.Cancelled, 130},
		{"canceled_below", under(fault.Unknown, wrapped(context.Canceled)), fault.Cancelled, 130},
		{"deadline", wrapped(context.DeadlineExceeded), fault.Timeout, 1},
		{"first_branch", joined(io.EOF, denied(), fault.Busy), fault.Denied, 1},
		{"branch_order", joined(fault.Busy, denied()), fault.Busy, 1},
		{"residue", under(fault.Residue, io.EOF), fault.Residue, 2},
		{"residue_below", under(fault.Busy, under(fault.Residue, io.EOF)), fault.Busy, 2},
		{"residue_of_interrupt", under(fault.Cancelled, under(fault.Residue, nil)), fault.Cancelled, 2},
		{"residue_in_a_branch", joined(context.Canceled, denied(), fault.Residue), fault.Denied, 2},
		{"classified_elsewhere", under(fault.Unknown, &rollback{denied()}), fault.Residue, 2},
		{"from_the_future", under(200, nil), 200, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fault.KindOf(tt.err); got != tt.kind {
				t.Errorf("KindOf(%v) = %s, want %s", tt.err, got.Name(), tt.kind.Name())
			}
			if got := fault.ExitCode(tt.err); got != tt.exit {
				t.Errorf("ExitCode(%v) = %d, want %d", tt.err, got, tt.exit)
			}
		})
	}
}

func TestIs(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		target error
		want   bool
	}{
		{"own", denied(), fault.Denied, true},
		{"other", denied(), fault.Busy, false},
		{"wrapped", wrapped(denied()), fault.Denied, true},
		{"below_another_kind", under(fault.Busy, denied()), fault.Denied, true},
		{"in_a_branch", joined(io.EOF, denied()), fault.Denied, true},
		{"cause", denied(), io.ErrClosedPipe, true},
		{"unknown_matches_nothing", under(fault.Unknown, nil), fault.Unknown, false},
		{"unsupported", wrapped(fault.Unsupported("a", "b")), fault.NotSupported, true},
		{"in_use", fault.InUse("start", "web", &fault.HeldError{}), fault.Busy, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := errors.Is(tt.err, tt.target); got != tt.want {
				t.Errorf("errors.Is(%v, %v) = %v, want %v", tt.err, tt.target, got, tt.want)
			}
		})
	}
}

func TestTypedCauses(t *testing.T) {
	err := wrapped(fault.InUse("start", "web", &fault.HeldError{PID: 7}))
	if held, ok := errors.AsType[*fault.HeldError](err); !ok || held.PID != 7 {
		t.Errorf("AsType[*HeldError](%v) = %+v, %v, want PID 7", err, held, ok)
	}
	err = wrapped(fault.Unsupported("landlock", "Linux 5.13"))
	if needs, ok := errors.AsType[*fault.NeedsError](err); !ok || needs.Feature != "landlock" || needs.Needs != "Linux 5.13" {
		t.Errorf("AsType[*NeedsError](%v) = %+v, %v, want landlock", err, needs, ok)
	}
	f, ok := errors.AsType[*fault.Error](wrapped(denied()))
	if !ok || f.Op != "mount" || f.Subject != "/dev" || f.Kind != fault.Denied {
		t.Errorf("AsType[*Error] = %+v, %v, want mount of /dev, denied", f, ok)
	}
}

func TestRemedies(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{"nil", nil, nil},
		{"none", under(fault.Busy, denied()), nil},
		{"own", denied().WithRemedy("run it as root"), []string{"run it as root"}},
		{"below", wrapped(under(fault.Unknown, denied().WithRemedy("run it as root"))), []string{"run it as root"}},
		{"outermost_wins", remedied("stop web first", wrapped(remedied("unmount /dev", io.EOF))), []string{"stop web first"}},
		{"each_branch", joined(remedied("a", io.EOF), io.EOF, remedied("b", remedied("c", io.EOF))), []string{"a", "b"}},
		{"not_twice", joined(remedied("a", io.EOF), remedied("a", io.EOF)), []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fault.Remedies(tt.err); !slices.Equal(got, tt.want) {
				t.Errorf("Remedies(%v) = %q, want %q", tt.err, got, tt.want)
			}
		})
	}
}

func TestWithRemedyCopies(t *testing.T) {
	e := denied()
	if got := e.WithRemedy("x"); got.Remedy != "x" || e.Remedy != "" {
		t.Errorf("WithRemedy changed its receiver: %+v, result %+v", e, got)
	}
}

// TestKindsAreStable pins number and name of every kind: both are stored and sent. Lines are added
// at the end, never changed.
func TestKindsAreStable(t *testing.T) {
	want := []string{
		"unknown", "invalid", "not-found", "exists", "busy", "unsupported", "denied",
		"no-space", "corrupt", "unavailable", "timeout", "cancelled", "residue", "internal",
	}
	kinds := fault.Kinds()
	got := make([]string, len(kinds))
	for i, k := range kinds {
		got[i] = k.Name()
		if int(k) != i {
			t.Errorf("Kinds()[%d] = %d, want the number as the index", i, k)
		}
		if parsed, ok := fault.ParseKind(k.Name()); parsed != k || !ok {
			t.Errorf("ParseKind(%q) = %d, %v, want %d, true", k.Name(), parsed, ok, k)
		}
		if k.Error() == "" {
			t.Errorf("%s has no text", k.Name())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("kinds are %q, want %q", got, want)
	}
}

func TestKindOnTheWire(t *testing.T) {
	type record struct {
		Kind fault.Kind `json:"kind"`
	}
	text, err := json.Marshal(record{fault.NoSpace})
	if err != nil || string(text) != `{"kind":"no-space"}` {
		t.Errorf("Marshal = %s, %v", text, err)
	}
	if text, err := fault.Busy.AppendText([]byte("is ")); err != nil || string(text) != "is busy" {
		t.Errorf("AppendText = %s, %v, want is busy", text, err)
	}
	tests := []struct {
		name, text string
		want       fault.Kind
		fails      bool
	}{
		{"known", `{"kind":"busy"}`, fault.Busy, false},
		{"of_a_newer_version", `{"kind":"melted"}`, fault.Unknown, false},
		{"empty", `{"kind":""}`, fault.Denied, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := record{fault.Denied}
			err := json.Unmarshal([]byte(tt.text), &r)
			if r.Kind != tt.want || (err != nil) != tt.fails {
				t.Errorf("Unmarshal(%s) = %s, %v, want %s, failure %v", tt.text, r.Kind.Name(), err, tt.want.Name(), tt.fails)
			}
		})
	}
}
