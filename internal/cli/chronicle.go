package cli

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/history"
)

// pastColumns lists what is known of an operation.
func pastColumns() []string {
	return []string{
		"bytes", "command", "error", "host", "id", "key", "note", "outcome", "pid", "recovery", "started", "took", "type",
		"uid", "user", "what",
	}
}

// chronicler tells of operations that have been.
type chronicler struct {
	users map[int]string
	now   time.Time
	id    int // characters of an ID
}

func newChronicler(now time.Time) *chronicler {
	return &chronicler{users: map[int]string{}, now: now, id: 26}
}

func (r *chronicler) column(o history.Operation, name string) cell {
	switch name {
	case "id":
		return words(o.Run.ID.String()[:r.id])
	case "started":
		return moment(o.Run.Started)
	case "took":
		return r.took(&o)
	case "outcome":
		return words(string(o.Outcome))
	case "type":
		return words(o.Type)
	case "key":
		return words(o.Key)
	case "what":
		return words(o.What())
	case "user":
		return words(r.user(&o))
	case "uid":
		if o.By.UID < 0 {
			return cell{}
		}
		return number(int64(o.By.UID))
	case "pid":
		return number(int64(o.Run.PID))
	case "command":
		return words(o.By.Command)
	case "host":
		return words(o.Run.Host)
	case "bytes":
		return octets(o.Size)
	case "error":
		if o.Err == nil {
			return cell{}
		}
		return words(oneLine(o.Err.Error()))
	case "recovery":
		if o.Recovery.IsZero() {
			return cell{}
		}
		return words(o.Recovery.String())
	}
	return words(r.note(&o))
}

// note is what a person wants to know beside the outcome.
func (r *chronicler) note(o *history.Operation) string {
	switch {
	case o.Err != nil:
		return oneLine(o.Err.Error())
	case o.Outcome == history.Recovered:
		return "by " + o.Recovery.String()[:r.id]
	case o.Outcome == history.Crashed:
		return fmt.Sprintf("process %d ended before it did", o.Run.PID)
	}
	return ""
}

func (r *chronicler) took(o *history.Operation) cell {
	d := o.Took
	if o.Outcome == history.Running {
		d = max(r.now.Sub(o.Run.Started), 0)
	}
	return cell{text: span(d), raw: d.Seconds(), number: d.Seconds(), sorted: true}
}

// user is the name of who ran o, its number if it has none.
func (r *chronicler) user(o *history.Operation) string {
	uid := o.By.UID
	if uid < 0 {
		return ""
	}
	name, ok := r.users[uid]
	if !ok {
		name = strconv.Itoa(uid)
		if u, err := user.LookupId(name); err == nil {
			name = u.Username
		}
		r.users[uid] = name
	}
	return name
}

// story says who ran an operation, and when.
func (r *chronicler) story(o *history.Operation) string {
	s := when(o.Run.Started)
	if name := r.user(o); name != "" {
		s += ", " + name
	}
	s += fmt.Sprintf(", process %d", o.Run.PID)
	if o.By.Command != "" {
		s += " (" + o.By.Command + ")"
	}
	if o.Run.Host != "" {
		s += " on " + o.Run.Host
	}
	return s
}

// ending says what became of an operation.
func ending(o *history.Operation) string {
	s := string(o.Outcome)
	switch o.Outcome {
	case history.Running:
	case history.Crashed:
		s = fmt.Sprintf("crashed after %s: process %d ended before the operation did; the next operation takes back what it did, "+
			"and so does ioc recover", span(o.Took), o.Run.PID)
	case history.Recovered:
		s = fmt.Sprintf("crashed after %s: process %d ended before the operation did; recovered by %s",
			span(o.Took), o.Run.PID, o.Recovery)
	case history.Done, history.Skipped, history.Failed, history.Cancelled, history.Residue:
		s += " after " + span(o.Took)
		if o.Err != nil {
			s += ": " + oneLine(o.Err.Error())
		}
	}
	if o.Cut {
		s += " (it was too long to be kept whole: steps before the end are missing)"
	}
	return s
}

// span is d with about three digits.
func span(d time.Duration) string {
	unit := time.Duration(1)
	for n := d; n >= 1000; n /= 10 {
		unit *= 10
	}
	if d >= time.Minute {
		unit = time.Second
	}
	return d.Round(unit).String()
}

// enough is how many characters of their IDs tell all operations apart.
func enough(all []history.Operation) int {
	n := 10 // the time, to the millisecond
	for i := 1; i < len(all); i++ {
		a, b := all[i-1].Run.ID.String(), all[i].Run.ID.String()
		for n < len(a) && a[:n] == b[:n] {
			n++
		}
	}
	return n
}

// since reads a time, or how long ago it is.
func since(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{
		time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly,
	} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is neither a time, like 2026-11-28T09:30, nor how long ago it is, like 90m or 2d", quote(s))
}
