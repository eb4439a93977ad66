package ioc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

// said gives the commands of a stream in the order in which they began, each with what it said and whether it failed:
// "exec_start: one|two".
func said(evs []events.Event) []string {
	var all []string
	at := map[events.ID]int{}
	for _, ev := range evs {
		h, ok := events.As[*jail.Hook](ev)
		switch {
		case !ok:
			continue
		case ev.Phase == events.Begin:
			at[ev.ID] = len(all)
			all = append(all, h.Property+":")
		case ev.Phase == events.Progress:
			if o, ok := ev.Detail.(events.Output); ok {
				if o.Omitted > 0 {
					all[at[ev.ID]] += fmt.Sprintf(" (%d omitted)", o.Omitted)
				}
				all[at[ev.ID]] += " " + strings.Join(o.Lines, "|")
			}
		case ev.Status == events.Failed:
			all[at[ev.ID]] += " failed"
		}
	}
	return all
}

// talkative are commands that say who they are, and what else they are told.
func talkative(more map[string]string) map[string]string {
	all := map[string]string{}
	for _, name := range []string{"prestart", "created", "start", "poststart", "prestop", "stop", "poststop"} {
		all["exec_"+name] = "echo " + name
	}
	for name, line := range more {
		all[name] = line
	}
	return all
}

// TestLinuxHooks runs the commands of a jail's life in their order, on the host and in the jail.
func TestLinuxHooks(t *testing.T) {
	h := realHost(t)
	mark := filepath.Join(filepath.Dir(h.Root()), "mark")
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: talkative(map[string]string{
		"user.colour":    "light blue",
		"exec_prestart":  `echo "$IOC_NAME/$IOC_USER_COLOUR/$IOC_JID/$PATH/$HOME"`,
		"exec_created":   `test -e "/proc/$IOC_JID/ns/pid" && test -d "$IOC_JAIL_PATH/bin" && : > ` + mark + ` && echo made`,
		"exec_start":     `echo "$IOC_NAME/$IOC_USER_COLOUR/$IOC_EXEC_STOP"; test ! -e ` + mark + ` && echo inside`,
		"exec_poststop":  `rm ` + mark + `; echo "$IOC_NAME/$IOC_STOP_TIMEOUT"`,
		"exec_jail_user": "root",
	})}))
	evs, _, err := eventstest.Record(t, web.Start())
	if err != nil {
		t.Fatal(err)
	}
	const path = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
	if diff := cmp.Diff([]string{
		"exec_prestart: web/light blue//" + path + "/",
		"exec_created: made",
		"exec_start: web/light blue/echo stop|inside",
		"exec_poststart: poststart",
	}, said(evs)); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	evs, _, err = eventstest.Record(t, web.Stop(ioc.StopOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"exec_prestop: prestop", "exec_stop: stop", "exec_poststop: web/30"}, said(evs)); diff != "" {
		t.Errorf("stop (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(mark); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("exec_poststop has not removed %s: %v", mark, err)
	}

	// What forces the stop asks nobody; what undoes exec_prestart is run all the same, and nothing that fails keeps the jail.
	must(t, web.Set(map[string]string{"exec_poststop": "echo gone; exit 3"}))
	must(t, web.Start())
	if evs, _, err = eventstest.Record(t, web.Stop(ioc.StopOptions{Force: true})); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"exec_poststop: gone failed"}, said(evs)); diff != "" {
		t.Errorf("forced stop (-want +got):\n%s", diff)
	}
	in(t, h.Jail("web"), jail.Stopped)

	// So it is for a jail that died.
	must(t, web.Set(map[string]string{"exec_poststop": "echo settled"}))
	must(t, web.Start())
	i := in(t, h.Jail("web"), jail.Running)
	if err := syscall.Kill(i.Sandbox.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for in := jail.Running; in == jail.Running; {
		i, err := h.Jail("web").Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		in = i.State
	}
	if evs, _, err = eventstest.Record(t, web.Stop(ioc.StopOptions{})); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"exec_poststop: settled"}, said(evs)); diff != "" {
		t.Errorf("stop of a dead one (-want +got):\n%s", diff)
	}
	nothingLeft(t, h)
}

// TestLinuxHookFails takes a start back when one of its commands fails, and runs what takes back those that did not.
func TestLinuxHookFails(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: talkative(nil)}))
	up := []string{"exec_prestart: prestart", "exec_created: created", "exec_start: start"}
	for _, c := range []struct {
		property string
		want     []string
	}{
		{"exec_prestart", []string{"exec_prestart: no failed", "exec_poststop: poststop"}},
		{"exec_created", append(up[:1:1], "exec_created: no failed", "exec_poststop: poststop")},
		{"exec_start", append(up[:2:2], "exec_start: no failed", "exec_poststop: poststop")},
		{"exec_poststart", append(up[:3:3], "exec_poststart: no failed", "exec_prestop: prestop", "exec_stop: stop", "exec_poststop: poststop")},
	} {
		must(t, web.Set(map[string]string{c.property: "echo no; exit 3"}))
		evs, _, err := eventstest.Record(t, web.Start())
		if err == nil || !strings.Contains(err.Error(), c.property+" web: exit 3") {
			t.Errorf("%s fails: got %v", c.property, err)
		}
		if diff := cmp.Diff(c.want, said(evs)); diff != "" {
			t.Errorf("%s fails (-want +got):\n%s", c.property, diff)
		}
		in(t, h.Jail("web"), jail.Stopped)
		nothingLeft(t, h)
		must(t, web.Set(map[string]string{c.property: "echo " + strings.TrimPrefix(c.property, "exec_")}))
	}
	want(t, fault.NotSupported, web.Set(map[string]string{"exec_fib": "2"}))
}

// TestLinuxHookTimeout kills a command that takes too long, with all that it started.
func TestLinuxHookTimeout(t *testing.T) {
	h := realHost(t)
	dir := filepath.Dir(h.Root())
	web := h.JailGenerator("web")
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{
		"exec_timeout": "1", "exec_poststop": "echo undone",
		"exec_prestart": `sleep 1000 & echo $! > ` + dir + `/pid; trap "" TERM; echo waits; wait; wait`,
	}}))
	evs, _, err := eventstest.Record(t, web.Start())
	if !errors.Is(err, fault.Timeout) || !strings.Contains(err.Error(), "exec_prestart web: it did not end within 1s and was killed") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"exec_prestart: waits failed", "exec_poststop: undone"}, said(evs)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child)); err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("what it started is left: %s", stat)
	}

	must(t, web.Set(map[string]string{"exec_prestart": "", "exec_start": "trap '' TERM; echo waits; sleep 1000 & while :; do sleep 1000; done"}))
	if evs, _, err = eventstest.Record(t, web.Start()); !errors.Is(err, fault.Timeout) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"exec_start: waits failed", "exec_poststop: undone"}, said(evs)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	nothingLeft(t, h)
}

// TestLinuxHookLines loses nothing of what commands say, however much and fast it is.
func TestLinuxHookLines(t *testing.T) {
	h := realHost(t)
	web := h.JailGenerator("web")
	const n = 5000
	var all []string
	for i := range n {
		all = append(all, strconv.Itoa(i+1))
	}
	last := "and the last has no end"
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{
		"exec_prestart": fmt.Sprintf("seq %d; printf '%s'", n, last),
		"exec_start":    fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); echo $i; done; printf '%s'", n, last),
	}}))
	evs, _, err := eventstest.Record(t, web.Start())
	if err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clip(all), last)
	for _, text := range said(evs) {
		property, lines, _ := strings.Cut(text, ": ")
		got := strings.FieldsFunc(strings.ReplaceAll(lines, " ", "|"), func(r rune) bool { return r == '|' })
		if wanted := strings.Fields(strings.Join(want, " ")); !slices.Equal(got, wanted) {
			t.Errorf("%s: %d words, want %d", property, len(got), len(wanted))
		}
	}
	must(t, web.Stop(ioc.StopOptions{}))
	nothingLeft(t, h)
}

// TestLinuxHookEnvironment tells commands in the jail of the caller's environment only where exec_clean is off.
func TestLinuxHookEnvironment(t *testing.T) {
	t.Setenv("IOC_TEST_SECRET", "of the host")
	h := realHost(t)
	web := h.JailGenerator("web")
	line := `echo "[$IOC_TEST_SECRET]"`
	must(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"exec_prestart": line, "exec_start": line}}))
	for clean, want := range map[string][]string{
		"yes": {"exec_prestart: []", "exec_start: []"},
		"no":  {"exec_prestart: []", "exec_start: [of the host]"},
	} {
		if clean == "no" {
			must(t, web.Set(map[string]string{"exec_clean": clean}))
		} else {
			must(t, web.Set(map[string]string{"exec_clean": "none", "notes": clean}))
		}
		evs, _, err := eventstest.Record(t, web.Start())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, said(evs)); diff != "" {
			t.Errorf("exec_clean=%s (-want +got):\n%s", clean, diff)
		}
		must(t, web.Stop(ioc.StopOptions{}))
		must(t, web.Set(map[string]string{"notes": "again " + clean}))
	}
	nothingLeft(t, h)
}

// TestLinuxHookOutlived kills ioc in exec_prestart: the command ends with it, and what undoes it is run by who comes next.
func TestLinuxHookOutlived(t *testing.T) {
	h := realHost(t)
	dir := filepath.Dir(h.Root())
	mark := filepath.Join(dir, "mark")
	must(t, h.JailGenerator("web").Create(ioc.CreateOptions{Properties: map[string]string{
		"exec_prestart": `: > ` + mark + `; kill -9 $(awk '/^PPid/ {print $2}' /proc/$PPID/status); sleep 1000; : > ` + mark + `2`,
		"exec_poststop": "rm -f " + mark,
	}}))
	began := time.Now()
	if _, err := another(t, h, "start"); err == nil {
		t.Fatal("the other process was not killed")
	}
	must(t, h.Recover())
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the recovery took %v", took)
	}
	for _, path := range []string{mark, mark + "2"} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left", path)
		}
	}
	in(t, h.Jail("web"), jail.Stopped)
	nothingLeft(t, h)
}
