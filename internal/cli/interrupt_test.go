package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// stuck is an effect whose undo does not end by itself: somebody has to give it up.
type stuck struct {
	Name    string
	undoing chan struct{}
}

func (*stuck) EventType() string        { return "stuck" }
func (s *stuck) EventKey() string       { return s.Name }
func (*stuck) Do(context.Context) error { return nil }
func (s *stuck) Undo(ctx context.Context) error {
	close(s.undoing)
	<-ctx.Done()
	return context.Cause(ctx)
}

// TestSecondInterrupt gives up the rollback: what is left is listed, with the command that clears it,
// and the exit code says so. The first one is held against real jails in cmd/ioc.
func TestSecondInterrupt(t *testing.T) {
	// Whatever comes late must not end the tests.
	late := make(chan os.Signal, 4)
	signal.Notify(late, syscall.SIGINT)
	t.Cleanup(func() { signal.Stop(late) })

	c, read := testCall(t)
	e := &stuck{"left", make(chan struct{})}
	started := make(chan struct{})
	op := events.New(&events.Named{Type: "try"}, func(s events.Step) (int, error) {
		if err := s.Apply(e); err != nil {
			return 0, err
		}
		close(started)
		<-s.Context().Done()
		return 0, context.Cause(s.Context())
	})
	interrupt := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}
	go func() {
		<-started
		interrupt()
		<-e.undoing
		interrupt()
	}()
	_, err := watch(c, op)
	code := c.conclude(nil, err)
	if code != fault.ExitResidue {
		t.Errorf("exit code %d, want %d", code, fault.ExitResidue)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, which is not a cancellation", err)
	}
	want := []string{
		"ioc: interrupt: taking back what was done; once more leaves it as it is\n",
		"left     try > stuck left",
		"ioc: interrupt",
		"\n  left behind: stuck: ",
		"\n  clear it with: ioc recover --root /somewhere\n",
	}
	text := read()
	rest := text
	for _, w := range want {
		i := strings.Index(rest, w)
		if i < 0 {
			t.Fatalf("standard error does not say %q, after what came before it, but:\n%s", w, text)
		}
		rest = rest[i+len(w):]
	}
}

// testCall is a call whose standard files are files; read gives what went to standard error.
func testCall(t *testing.T) (c *call, read func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stderr")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	c = &call{
		env:     Env{Stdin: f, Stdout: f, Stderr: f, Getenv: func(string) string { return "" }},
		out:     f,
		err:     f,
		ctx:     context.Background(),
		rootDir: "/somewhere",
	}
	return c, func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}
