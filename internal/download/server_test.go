package download_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/internal/download"
)

// server is one that serves a file, and fails as it is told.
type server struct {
	*httptest.Server

	mu      sync.Mutex
	content []byte
	tag     string
	plan    []func(w http.ResponseWriter, r *http.Request, next http.Handler) // one for each request, then none
	asked   []*http.Request
	sent    int
}

func serve(t *testing.T, content []byte) *server {
	t.Helper()
	s := &server{content: content, tag: `"one"`}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	content, tag := s.content, s.tag
	var fails func(http.ResponseWriter, *http.Request, http.Handler)
	if len(s.plan) > 0 {
		fails, s.plan = s.plan[0], s.plan[1:]
	}
	s.mu.Unlock()
	file := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("ETag", tag)
		http.ServeContent(&counting{w, s}, r, "", time.Time{}, bytes.NewReader(content))
	})
	if fails == nil {
		file(w, r)
		return
	}
	fails(w, r, file)
}

// counting adds up what is sent of the file.
type counting struct {
	http.ResponseWriter
	s *server
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.sent += n
	return n, err
}

func (s *server) fail(plan ...func(http.ResponseWriter, *http.Request, http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = plan
}

func (s *server) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.asked...)
}

// cut sends so many bytes of what was asked for, and closes the connection.
func cut(n int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, file http.Handler) {
		file.ServeHTTP(&shortly{w, n}, r)
	}
}

// shortly lets only so many bytes through.
type shortly struct {
	http.ResponseWriter
	left int
}

func (s *shortly) Write(p []byte) (int, error) {
	if len(p) < s.left {
		s.left -= len(p)
		return s.ResponseWriter.Write(p)
	}
	_, _ = s.ResponseWriter.Write(p[:s.left]) // the connection is given up anyway
	s.ResponseWriter.(http.Flusher).Flush()   //nolint:forcetypeassert // of net/http
	panic(http.ErrAbortHandler)
}

// hang sends so many bytes and then nothing, until the client has left.
func hang(n int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, file http.Handler) {
		file.ServeHTTP(&hanging{shortly{w, n}, r}, r)
	}
}

type hanging struct {
	shortly
	r *http.Request
}

func (h *hanging) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	_, _ = h.ResponseWriter.Write(p[:n]) // as above
	if h.left -= n; h.left > 0 {
		return n, nil
	}
	h.ResponseWriter.(http.Flusher).Flush() //nolint:forcetypeassert // of net/http
	<-h.r.Context().Done()
	panic(http.ErrAbortHandler)
}

// answer gives a status and nothing else.
func answer(status int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(status) }
}

// page is what a proxy says to strangers.
func page(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<html>Please log in</html>")) // nobody waits for it
}

// random is a file that nobody could make up.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // it does not fail
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// cache is one without patience.
func cache(t *testing.T) *download.Cache {
	t.Helper()
	return &download.Cache{Dir: t.TempDir() + "/cache", Stall: time.Minute, Pace: 1, Attempts: 3, Pause: time.Nanosecond}
}

type whole struct{}

func (whole) EventType() string { return "test.download" }

// get gets r in an operation of its own and checks its events. What was skipped is told apart from what was got.
func get(ctx context.Context, t *testing.T, c *download.Cache, r download.Request) (content []byte, skipped bool, err error) {
	t.Helper()
	var check eventstest.Checker
	path, err := events.New(&whole{}, func(s events.Step) (string, error) { return c.Get(s, r) }).Do(ctx,
		events.WithSink(func(ev *events.Event) {
			if err := check.Add(*ev); err != nil {
				t.Error(err)
			}
			if ev.Type() == "download.get" && ev.Skipped() {
				skipped = true
			}
		}))
	if err := check.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		return nil, skipped, err
	}
	content, err = os.ReadFile(path)
	return content, skipped, err
}

// mustGet wants the very content.
func mustGet(t *testing.T, c *download.Cache, r download.Request, want []byte) (skipped bool) {
	t.Helper()
	got, skipped, err := get(t.Context(), t, c, r)
	if err != nil {
		t.Fatalf("Get(%s): %v", r.URL, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("Get(%s) gave %d bytes that are not the %d served", r.URL, len(got), len(want))
	}
	return skipped
}

// files lists what a cache has.
func files(t *testing.T, c *download.Cache) (names []string) {
	t.Helper()
	all, err := os.ReadDir(c.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, d := range all {
		names = append(names, d.Name())
	}
	return names
}
