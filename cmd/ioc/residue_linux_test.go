package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
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

// byHand ends the processes of a root's jails and removes their control groups.
func byHand(t *testing.T, dir, id string) {
	t.Helper()
	for range 100 {
		left := leftovers(t, dir, []string{id})
		if len(left) == 0 {
			return
		}
		for _, what := range left {
			words := strings.Fields(strings.TrimSuffix(what, ":"))
			switch words[0] {
			case "process":
				pid, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(words[1]), ":"))
				if err != nil {
					t.Fatal(err)
				}
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
			case "control":
				_ = os.Remove(words[2]) // it may be in use still
			default:
				t.Fatalf("there is a %s", what)
			}
		}
	}
	t.Fatal("it does not end")
}
