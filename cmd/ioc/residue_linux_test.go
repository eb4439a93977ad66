package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestResidue damages the record of a start that was killed, so that recovery must not trust it: it
// says so with exit code 2 and lists the operation, and a person who has dealt with it takes it off.
func TestResidue(t *testing.T) {
	everywhere(t, func(t *testing.T, at *place) {
		slow(at)
		w := at.watch(at.ioc("--events", "ndjson", "start", "web"))
		w.until("begin", "jail.hook")
		if err := w.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		w.end()
		root := filepath.Join(at.dir, "root")
		slot := filepath.Join(root, "journal", "slot-000")
		record, err := os.ReadFile(slot)
		if err != nil {
			t.Fatal(err)
		}
		first := bytes.Index(record, []byte(`"Op":"start"`)) // others follow it
		if first < 0 {
			t.Fatal("the journal does not hold the start")
		}
		record[first] ^= 0x55
		if err := os.WriteFile(slot, record, 0o600); err != nil {
			t.Fatal(err)
		}

		code, out := at.fails("recover")
		lines := strings.SplitAfter(out, "\n")
		if code != 2 || len(lines) < 4 || !strings.HasPrefix(lines[1], "  its record is corrupt: ") {
			t.Fatalf("recover ended with %d and said:\n%s", code, out)
		}
		want := `ioc: recover: 1 of the things that were left behind are still there
  deal with them by hand, then take each operation off the list: ioc recover --resolve ID
`
		if got := strings.Join(lines[2:], ""); got != want {
			t.Errorf("recover said\n%swant\n%s", got, want)
		}

		byHand(t, at.dir, identity(t, root))
		id, _, _ := strings.Cut(lines[0], " ")
		at.do("recover", "--resolve", id, "--note", "ended by hand")
		if left := at.do("recover", "--list"); left != "" {
			t.Errorf("it is on the list still:\n%s", left)
		}
		at.do("set", "exec_start=none", "web")
		at.do("start", "web")
	})
}

// byHand ends the processes of a root's jails and then removes their control groups.
func byHand(t *testing.T, dir, id string) {
	t.Helper()
	left := leftovers(t, dir, []string{id})
	for _, what := range left {
		words := strings.Fields(what)
		switch words[0] {
		case "process":
			kill(t, strings.TrimSuffix(filepath.Base(words[1]), ":"))
		case "control": // group; a jail's is within its root's
			defer os.Remove(words[2]) //nolint:errcheck // the end of the test finds it
		default:
			t.Fatalf("there is a %s", what)
		}
	}
}

// kill ends a process that was started by this test's calls, and waits for it.
func kill(t *testing.T, number string) {
	t.Helper()
	pid, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return // it went with another one
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		t.Fatal(err)
	}
	gone := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(gone, int(patience.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n != 1 {
			t.Fatalf("process %d does not end: %v", pid, err)
		}
		return
	}
}
